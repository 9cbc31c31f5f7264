"""Candles of a tape, for every interval of the exchange."""

from __future__ import annotations

from datetime import date

import numpy as np

from crypto_assets.simulator.market.calendar import day_of, number_of
from crypto_assets.simulator.market.results import Ints, KlineArrays, Tape
from crypto_assets.spans import DAY_US, SECOND_US

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

END_OF_TIME_US = 2**62

LONG_INTERVALS = ("3d", "1w", "1M")
"""Intervals of several days: threes counted from 1970-01-01, weeks from Monday, calendar months."""


def klines(tape: Tape, seconds: int, *, until_us: int = END_OF_TIME_US) -> KlineArrays:
    """Candles of one day, [86400 / seconds] less those wholly in a closed span; raises ValueError for other seconds.

    No trade from `until_us` on is in them.
    """
    if seconds <= 0 or 86_400 % seconds:
        raise ValueError(f"a candle of {seconds} s does not divide a day of 86400 s")
    width = seconds * SECOND_US
    start = number_of(tape.day) * DAY_US
    opens = np.arange(start, start + DAY_US, width, dtype=np.int64)
    for closed_us, opened_us in tape.closed:
        opens = opens[(opens < closed_us) | (opens + width > opened_us)]
    return growing_klines(tape, opens, np.clip(until_us, opens, opens + width), width_us=width)


def growing_klines(tape: Tape, opens: Ints, until: Ints, *, width_us: int) -> KlineArrays:
    """Candles of `width_us` that open at `opens`, each over the day's trades in [open, until) alone.

    One without trades repeats the last price before it.
    """
    first, end = np.searchsorted(tape.trades.time_us, opens), np.searchsorted(tape.trades.time_us, until)
    traded = end > first
    close = np.append(tape.previous_close, tape.trades.price)[end]
    open_, high, low = close.copy(), close.copy(), close.copy()
    if traded.any():
        prices = np.append(tape.trades.price, 0)  # so that `end` is a row also after the last trade
        pairs = np.column_stack((first, end))[traded].ravel()
        open_[traded] = prices[first[traded]]
        high[traded] = np.maximum.reduceat(prices, pairs)[::2]
        low[traded] = np.minimum.reduceat(prices, pairs)[::2]
    taken = np.where(tape.trades.is_buyer_maker, 0, 1)

    def add(values: Ints) -> Ints:
        running = np.append(0, np.cumsum(values))
        return running[end] - running[first]

    return KlineArrays(
        open_time_us=opens,
        close_time_us=opens + width_us - 1,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=add(tape.trades.quantity),
        quote_volume=add(tape.trades.quote_quantity),
        count=end - first,
        taker_buy_volume=add(tape.trades.quantity * taken),
        taker_buy_quote_volume=add(tape.trades.quote_quantity * taken),
    )


def sampled_klines(samples: Ints, *, start_us: int, first: int, end: int, seconds: int) -> KlineArrays:
    """Candles of the samples [first, end) of a day that begins at `start_us`; those without samples are absent."""
    opens = np.arange(first // seconds * seconds, end, seconds, dtype=np.int64)
    bounds = np.append(np.maximum(opens, first), end)
    zeros = np.zeros(opens.size, dtype=np.int64)
    window = samples[:end]
    return KlineArrays(
        open_time_us=start_us + opens * SECOND_US,
        close_time_us=start_us + (opens + seconds) * SECOND_US - 1,
        open=samples[bounds[:-1]],
        high=np.maximum.reduceat(window, bounds[:-1]) if opens.size else zeros,
        low=np.minimum.reduceat(window, bounds[:-1]) if opens.size else zeros,
        close=samples[bounds[1:] - 1],
        volume=zeros,
        quote_volume=zeros,
        count=np.diff(bounds),
        taker_buy_volume=zeros,
        taker_buy_quote_volume=zeros,
    )


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
