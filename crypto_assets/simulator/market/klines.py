"""Candles of a tape, for every interval of the exchange."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import numpy as np

from crypto_assets.simulator.market.calendar import DAY_US, SECOND_US, day_of, number_of
from crypto_assets.simulator.market.results import Ints, KlineArrays, Tape

SECONDS = {
    "1s": 1,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "8h": 28_800,
    "12h": 43_200,
    "1d": 86_400,
}
"""Intervals within a day."""

LONG_INTERVALS = ("3d", "1w", "1M")
"""Intervals of several days: threes counted from 1970-01-01, weeks from Monday, calendar months."""


def klines(tape: Tape, seconds: int) -> KlineArrays:
    """Candles of one day, [86400 / seconds] less those wholly in a closed span; raises ValueError for other seconds."""
    if seconds <= 0 or 86_400 % seconds:
        raise ValueError(f"a candle of {seconds} s does not divide a day of 86400 s")
    width = seconds * SECOND_US
    start = number_of(tape.day) * DAY_US
    opens = np.arange(start, start + DAY_US, width, dtype=np.int64)
    bounds = np.searchsorted(tape.time_us, np.append(opens, start + DAY_US))
    count = np.diff(bounds)
    traded = count > 0
    first, last = bounds[:-1][traded], bounds[1:][traded] - 1
    close = _carried(tape.price[last], traded, tape.previous_close)
    open_, high, low = close.copy(), close.copy(), close.copy()
    if first.size:
        open_[traded] = tape.price[first]
        high[traded] = np.maximum.reduceat(tape.price, first)
        low[traded] = np.minimum.reduceat(tape.price, first)
    taken = np.where(tape.is_buyer_maker, 0, 1)
    candles = KlineArrays(
        open_time_us=opens,
        close_time_us=opens + width - 1,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=_sums(tape.quantity, bounds),
        quote_volume=_sums(tape.quote_quantity, bounds),
        count=count,
        taker_buy_volume=_sums(tape.quantity * taken, bounds),
        taker_buy_quote_volume=_sums(tape.quote_quantity * taken, bounds),
    )
    return select(candles, ~_closed_candles(tape, opens, width)) if tape.closed else candles


def merge(candles: KlineArrays, *, opens: Ints, ends: Ints) -> KlineArrays:
    """Longer candles from shorter ones; [opens, ends) are their spans, sorted, each holding a candle at least."""
    first = np.searchsorted(candles.open_time_us, opens)
    last = np.searchsorted(candles.open_time_us, ends) - 1

    def add(values: Ints) -> Ints:
        return np.add.reduceat(values, first)

    return KlineArrays(
        open_time_us=opens,
        close_time_us=ends - 1,
        open=candles.open[first],
        high=np.maximum.reduceat(candles.high, first),
        low=np.minimum.reduceat(candles.low, first),
        close=candles.close[last],
        volume=add(candles.volume),
        quote_volume=add(candles.quote_volume),
        count=add(candles.count),
        taker_buy_volume=add(candles.taker_buy_volume),
        taker_buy_quote_volume=add(candles.taker_buy_quote_volume),
    )


def long_span(day: date, interval: str) -> tuple[date, date]:
    """First day, and the day after the last one, of the candle of 3d, 1w or 1M that a day lies in."""
    number = number_of(day)
    if interval == "1M":
        first = day.replace(day=1)
        return first, date(day.year + day.month // 12, day.month % 12 + 1, 1)
    days, phase = (3, 0) if interval == "3d" else (7, 3)  # 1970-01-01 was a Thursday
    begin = number - (number + phase) % days
    return day_of(begin), day_of(begin + days)


def select(candles: KlineArrays, rows: np.ndarray | slice) -> KlineArrays:
    """Some of the candles."""
    return KlineArrays(*(getattr(candles, column.name)[rows] for column in fields(KlineArrays)))


def concatenate(parts: list[KlineArrays]) -> KlineArrays:
    """Candles one after the other; none of no parts."""
    if not parts:
        return KlineArrays(*(np.empty(0, dtype=np.int64) for _ in fields(KlineArrays)))
    return KlineArrays(*(np.concatenate([getattr(p, column.name) for p in parts]) for column in fields(KlineArrays)))


def _carried(closes: Ints, traded: np.ndarray, previous_close: int) -> Ints:
    """The last close at every candle."""
    return np.append(previous_close, closes)[np.cumsum(traded)]


def _sums(values: Ints, bounds: Ints) -> Ints:
    running = np.append(0, np.cumsum(values))
    return np.diff(running[bounds])


def _closed_candles(tape: Tape, opens: Ints, width: int) -> np.ndarray:
    closed = np.zeros(opens.size, dtype=np.bool_)
    for start, end in tape.closed:
        closed |= (opens >= start) & (opens + width <= end)
    return closed
