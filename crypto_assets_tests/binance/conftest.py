"""Fixtures for the exchange's clients: a server with faults, a clock without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto_assets.binance.http import Http, Patience
from crypto_assets.binance.rate_limit import SharedLimits
from crypto_assets_tests.binance.clocks import FakeClock
from crypto_assets_tests.binance.local_server import LocalServer, local_server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as running:
        yield running


@pytest.fixture
def make_http(clock: FakeClock, tmp_path: Path) -> Callable[..., Http]:
    """Makes transports that share one folder of limits and never really sleep."""

    def make(**patience: float) -> Http:
        limits = SharedLimits(tmp_path / "limits", clock=clock)
        return Http(limits=limits, patience=Patience(**patience), sleep=clock.sleep, monotonic=clock)  # type: ignore[arg-type]

    return make


@pytest.fixture
def http(make_http: Callable[..., Http]) -> Http:
    return make_http()
