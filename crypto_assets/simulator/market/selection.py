"""Trades and candles by row, and parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from crypto_assets.simulator.market.results import AggTrades, KlineArrays, Trades


def rows_of[T: (Trades, AggTrades, KlineArrays)](part: T, rows: slice) -> T:
    """Some rows."""
    return type(part)(**{column.name: getattr(part, column.name)[rows] for column in fields(part)})


def between[T: (Trades, AggTrades)](part: T, start_us: int, end_us: int) -> T:
    """The rows of [start, end)."""
    return rows_of(part, rows_between(part.time_us, start_us, end_us))


def rows_between(times_us: np.ndarray, start_us: int, end_us: int) -> slice:
    """Rows of sorted times in [start, end)."""
    first, end = np.searchsorted(times_us, [start_us, end_us])
    return slice(int(first), int(end))


def chain[T: (Trades, AggTrades, KlineArrays)](kind: type[T], parts: Sequence[T]) -> T:
    """Parts one after the other; nothing of no parts."""
    columns: dict[str, Any] = {}
    for name in (column.name for column in fields(kind)):
        none = np.empty(0, dtype=np.bool_ if name == "is_buyer_maker" else np.int64)
        columns[name] = np.concatenate([getattr(part, name) for part in parts]) if parts else none
    return kind(**columns)
