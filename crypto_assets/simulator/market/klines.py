"""Candles of a tape."""

from __future__ import annotations

from crypto_assets.simulator.market.results import KlineArrays, Tape


def klines(tape: Tape, seconds: int) -> KlineArrays:
    """Candles of one day; `seconds` divides a day."""
    raise NotImplementedError
