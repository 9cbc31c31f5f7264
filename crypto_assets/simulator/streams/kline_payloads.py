"""Candles as they grow, and once closed: `x` is true exactly once for each candle that REST has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from crypto_assets.simulator.decimal_text import Digits
from crypto_assets.simulator.frames import kline_frame
from crypto_assets.simulator.market import Tape, Venue
from crypto_assets.simulator.market.calendar import Closed, day_of
from crypto_assets.simulator.market.klines import SECONDS, growing_klines
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.payloads import messages
from crypto_assets.spans import DAY_US, SECOND_US

_SPOT_PACE_US = 2 * SECOND_US
_FUTURES_PACE_US = SECOND_US // 4


@dataclass(frozen=True, slots=True)
class _Updates:
    """Messages to send: when, of the candle that opens when, with the trades before when."""

    time_us: Ints
    open_us: Ints
    until_us: Ints


def kline_payloads(
    data: SimulatedData, symbol: str, interval: str, start_us: int, end_us: int, *, venue: Venue, unit_us: int = 1000
) -> pl.DataFrame:
    """Messages that are due in [start, end): every 250 ms on USD-M; every second of 1s candles, else every two."""
    width_us = SECONDS[interval] * SECOND_US
    pace_us = min(width_us, _SPOT_PACE_US) if venue == "spot" else _FUTURES_PACE_US
    digits = data.digits(symbol, venue)
    with data.market() as market:
        times_us = market.open_times(symbol, start_us, end_us, pace_us=pace_us, venue=venue)
        closed = market.closed(symbol, venue=venue)
        updates = _merge(
            _updates(times_us, closed, width_us=width_us),
            _late_closes(closed, width_us=width_us, start_us=start_us, end_us=end_us),
        )
        states = [
            _states(market.tape(symbol, day_of(number), venue=venue), part, digits, width_us=width_us)
            for number, part in _by_day(updates)
        ]
    if not states:
        return messages(pl.DataFrame({"time_us": []}, schema={"time_us": pl.Int64}), [""])
    return _messages(pl.concat(states), symbol, interval, width_us=width_us, unit_us=unit_us)


def _updates(times_us: Ints, closed: Closed, *, width_us: int) -> _Updates:
    """At each moment the candle of the microsecond before it: at its end that is the candle that closes."""
    opens_us = (times_us - 1) // width_us * width_us
    begun = np.ones(times_us.size, dtype=np.bool_)
    for closed_us, opened_us in closed:  # no candle lies wholly in a halt, nor is one begun before it ends
        begun &= ~((opens_us >= closed_us) & (times_us <= opened_us))
    return _Updates(times_us[begun], opens_us[begun], times_us[begun])


def _late_closes(closed: Closed, *, width_us: int, start_us: int, end_us: int) -> _Updates:
    """Candles that ended in a halt close with its end: in between, nothing streams."""
    rows: list[tuple[int, int, int]] = []
    for closed_us, opened_us in closed[1:]:  # the first span ends with the listing: no candle began before it
        due_us = -(-closed_us // width_us) * width_us
        if due_us < opened_us and start_us <= opened_us < end_us:
            rows.append((opened_us, due_us - width_us, due_us))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return _Updates(columns[:, 0], columns[:, 1], columns[:, 2])


def _merge(first: _Updates, second: _Updates) -> _Updates:
    if not second.time_us.size:
        return first
    time_us = np.concatenate((second.time_us, first.time_us))
    order = np.argsort(time_us, kind="stable")
    return _Updates(
        time_us[order],
        np.concatenate((second.open_us, first.open_us))[order],
        np.concatenate((second.until_us, first.until_us))[order],
    )


def _by_day(updates: _Updates) -> list[tuple[int, _Updates]]:
    """The updates by the day of their candles, which lie within a day."""
    numbers = updates.open_us // DAY_US
    return [
        (
            number,
            _Updates(*(column[numbers == number] for column in (updates.time_us, updates.open_us, updates.until_us))),
        )
        for number in np.unique(numbers).tolist()
    ]


def _states(tape: Tape, updates: _Updates, digits: Digits, *, width_us: int) -> pl.DataFrame:
    candles = growing_klines(tape, updates.open_us, updates.until_us, width_us=width_us)
    first_id = np.where(candles.count, tape.first_trade_id + np.searchsorted(tape.trades.time_us, updates.open_us), -1)
    return kline_frame(candles, digits).with_columns(
        open_us=pl.col("time_us"),
        time_us=pl.Series(updates.time_us),
        until_us=pl.Series(updates.until_us),
        first_id=pl.Series(first_id),
        last_id=pl.Series(np.where(candles.count, first_id + candles.count - 1, -1)),
    )


def _messages(frame: pl.DataFrame, symbol: str, interval: str, *, width_us: int, unit_us: int) -> pl.DataFrame:
    open_us = pl.col("open_us")
    return messages(
        frame,
        [
            '{"e":"kline","E":', pl.col("time_us") // unit_us, f',"s":"{symbol}","k":{{"t":', open_us // unit_us,
            ',"T":', pl.col("close_time_us") // unit_us, f',"s":"{symbol}","i":"{interval}","f":', pl.col("first_id"),
            ',"L":', pl.col("last_id"), ',"o":"', pl.col("open"), '","c":"', pl.col("close"), '","h":"', pl.col("high"),
            '","l":"', pl.col("low"), '","v":"', pl.col("volume"), '","n":', pl.col("count"),
            ',"x":', pl.col("until_us") == open_us + width_us, ',"q":"', pl.col("quote_volume"),
            '","V":"', pl.col("taker_buy_volume"), '","Q":"', pl.col("taker_buy_quote_volume"), '","B":"0"}}',
        ],
    )  # fmt: skip
