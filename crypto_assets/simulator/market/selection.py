"""Parts of tapes by row, and parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from crypto_assets.simulator.market.results import AggTrades, KlineArrays, Tape, Trades


def trades_of(tape: Tape, rows: slice) -> Trades:
    """Some trades of a tape."""
    return Trades(
        trade_id=tape.trade_ids[rows],
        time_us=tape.time_us[rows],
        price=tape.price[rows],
        quantity=tape.quantity[rows],
        quote_quantity=tape.quote_quantity[rows],
        is_buyer_maker=tape.is_buyer_maker[rows],
    )


def agg_trades_of(tape: Tape, rows: slice) -> AggTrades:
    """Some aggregates of a tape."""
    return AggTrades(
        agg_id=tape.agg_ids[rows],
        time_us=tape.agg_time_us[rows],
        price=tape.agg_price[rows],
        quantity=tape.agg_quantity[rows],
        first_trade_id=tape.agg_first_id[rows],
        last_trade_id=tape.agg_last_id[rows],
        is_buyer_maker=tape.agg_is_buyer_maker[rows],
    )


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
