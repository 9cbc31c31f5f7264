"""One market for all tests of this folder: its days are made once."""

from __future__ import annotations

import pytest

from crypto_assets.simulator.market import Market

SYMBOLS = ("BTCUSDT", "ETHUSDT", "DOGEUSDT", "LUNAUSDT", "QUUXUSDT")


@pytest.fixture(scope="session")
def market() -> Market:
    """The market of seed 7."""
    return Market(7, SYMBOLS)
