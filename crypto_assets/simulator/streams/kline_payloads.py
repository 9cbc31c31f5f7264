"""Candles as they grow, and once closed: `x` is true exactly once for each candle that REST has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from crypto_assets.simulator.clock import DAY_US, SECOND_US, day_of
from crypto_assets.simulator.frames import kline_frame
from crypto_assets.simulator.market import KlineArrays, Market, Tape, Venue
from crypto_assets.simulator.market.klines import SECONDS
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.payloads import messages
from crypto_assets.simulator.streams.trading_time import closed_spans, open_times, paced

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
    with data.market() as market:
        updates = _updates(market, symbol, venue, width_us=width_us, times_us=paced(start_us, end_us, pace_us))
        late = _late_closes(market, symbol, venue, width_us=width_us, span=(start_us, end_us))
        updates = _merge(updates, late)
        states = [
            _states(data, market.tape(symbol, day_of(number * DAY_US), venue=venue), part, venue=venue)
            for number, part in _by_day(updates)
        ]
    if not states:
        return messages(pl.DataFrame({"time_us": []}, schema={"time_us": pl.Int64}), [""])
    return _messages(pl.concat(states), symbol, interval, width_us=width_us, unit_us=unit_us)


def candle_states(tape: Tape, open_us: Ints, until_us: Ints) -> tuple[KlineArrays, Ints, Ints]:
    """Candles of one day over the trades in [open, until) each, and the ids of their first and last trade, else -1."""
    first, end = np.searchsorted(tape.time_us, open_us), np.searchsorted(tape.time_us, until_us)
    traded = end > first
    close = np.append(tape.previous_close, tape.price)[end]
    prices = np.append(tape.price, 0)  # so that `end` is a row also after the last trade
    pairs = np.column_stack((first, end))[traded].ravel()
    open_, high, low = close.copy(), close.copy(), close.copy()
    if pairs.size:
        open_[traded] = prices[first[traded]]
        high[traded] = np.maximum.reduceat(prices, pairs)[::2]
        low[traded] = np.minimum.reduceat(prices, pairs)[::2]
    bought = np.where(tape.is_buyer_maker, 0, 1)

    def add(values: Ints) -> Ints:
        running = np.append(0, np.cumsum(values))
        return running[end] - running[first]

    candles = KlineArrays(
        open_time_us=open_us,
        close_time_us=open_us,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=add(tape.quantity),
        quote_volume=add(tape.quote_quantity),
        count=end - first,
        taker_buy_volume=add(tape.quantity * bought),
        taker_buy_quote_volume=add(tape.quote_quantity * bought),
    )
    first_id = np.where(traded, tape.first_trade_id + first, -1)
    return candles, first_id, np.where(traded, tape.first_trade_id + end - 1, -1)


def _updates(market: Market, symbol: str, venue: Venue, *, width_us: int, times_us: Ints) -> _Updates:
    """At each moment the candle of the microsecond before it: at its end that is the candle that closes."""
    if not times_us.size:
        return _Updates(times_us, times_us, times_us)
    spans = closed_spans(market, symbol, venue, start_us=int(times_us[0]) - width_us, end_us=int(times_us[-1]))
    times_us = open_times(times_us, spans)
    opens_us = (times_us - 1) // width_us * width_us
    traded = np.ones(times_us.size, dtype=np.bool_)
    for closed_us, opened_us in spans:  # no candle lies wholly in a halt, nor is one begun before it ends
        traded &= ~((opens_us >= closed_us) & (times_us <= opened_us))
    return _Updates(times_us[traded], opens_us[traded], times_us[traded])


def _late_closes(market: Market, symbol: str, venue: Venue, *, width_us: int, span: tuple[int, int]) -> _Updates:
    """Candles that ended in a halt close with its end: in between, nothing streams."""
    start_us, end_us = span
    rows: list[tuple[int, int, int]] = []
    for closed_us, opened_us in closed_spans(market, symbol, venue, start_us=start_us - 1, end_us=end_us):
        due_us = -(-closed_us // width_us) * width_us
        begun_us = due_us - width_us
        listed = day_of(begun_us) in _trading_days(market, symbol, venue, begun_us)
        if listed and due_us < opened_us and start_us <= opened_us < end_us:
            rows.append((opened_us, begun_us, due_us))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return _Updates(columns[:, 0], columns[:, 1], columns[:, 2])


def _trading_days(market: Market, symbol: str, venue: Venue, time_us: int) -> tuple[object, ...]:
    """The day of a moment, where the symbol was listed by then."""
    try:
        tape = market.tape(symbol, day_of(time_us), venue=venue)
    except LookupError:
        return ()
    unlisted = any(a <= time_us < b and a == time_us // DAY_US * DAY_US for a, b in tape.closed)
    return () if unlisted else (tape.day,)


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


def _states(data: SimulatedData, tape: Tape, updates: _Updates, *, venue: Venue) -> pl.DataFrame:
    candles, first_id, last_id = candle_states(tape, updates.open_us, updates.until_us)
    frame = kline_frame(candles, **data.decimals(tape.symbol, venue))
    return frame.with_columns(
        open_us=pl.col("time_us"),
        time_us=pl.Series(updates.time_us),
        until_us=pl.Series(updates.until_us),
        first_id=pl.Series(first_id),
        last_id=pl.Series(last_id),
    )


def _messages(frame: pl.DataFrame, symbol: str, interval: str, *, width_us: int, unit_us: int) -> pl.DataFrame:
    open_us = pl.col("open_us")
    return messages(
        frame,
        [
            '{"e":"kline","E":', pl.col("time_us") // unit_us, f',"s":"{symbol}","k":{{"t":', open_us // unit_us,
            ',"T":', (open_us + width_us - 1) // unit_us, f',"s":"{symbol}","i":"{interval}","f":', pl.col("first_id"),
            ',"L":', pl.col("last_id"), ',"o":"', pl.col("open"), '","c":"', pl.col("close"), '","h":"', pl.col("high"),
            '","l":"', pl.col("low"), '","v":"', pl.col("volume"), '","n":', pl.col("count"),
            ',"x":', pl.col("until_us") == open_us + width_us, ',"q":"', pl.col("quote_volume"),
            '","V":"', pl.col("taker_buy_volume"), '","Q":"', pl.col("taker_buy_quote_volume"), '","B":"0"}}',
        ],
    )  # fmt: skip
