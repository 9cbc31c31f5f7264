"""Candles of one timeframe as gold reads them: anchored, as floats, without anything a neighbour made up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.errors import BadPayload
from crypto_assets.features import indicators
from crypto_assets.features.rolling import BoolArray, FloatArray, IntArray, rolling_sum
from crypto_assets.features.swings import Swings, find_swings
from crypto_assets.flags import is_flagged
from crypto_assets.spans import times_us

NOT_READ = ("filled", "out_of_range", "ohlc_violation")
"""A candle with one of these flags repeats the last real close with zero volume: an interpolated minute has read its
right-hand neighbour, and a contradictory one says nothing."""

RECENT_CANDLES = 20
"""Candles over which volume is summed."""

_PRICES = ("open", "high", "low", "close")
_QUANTITIES = ("volume", "quote_volume", "taker_buy_volume")


@dataclass(frozen=True)
class Candles:
    """Arrays of one entry a candle, oldest first, from the first candle that is read; every price is positive."""

    open_us: IntArray
    close_us: IntArray
    """When the candle was known: its open time and the length of the timeframe."""
    is_read: BoolArray
    """False where the last real close is carried forward."""
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    quote_volume: FloatArray
    taker_buy_volume: FloatArray

    @cached_property
    def recent_volume(self) -> FloatArray:
        """Volume of the last RECENT_CANDLES."""
        return rolling_sum(self.volume, RECENT_CANDLES)

    @cached_property
    def recent_quote_volume(self) -> FloatArray:
        """Quote volume of the last RECENT_CANDLES."""
        return rolling_sum(self.quote_volume, RECENT_CANDLES)

    @cached_property
    def rsi(self) -> FloatArray:
        """Wilder's RSI of the close."""
        return indicators.rsi(self.close)

    @cached_property
    def macd(self) -> indicators.Macd:
        """MACD of the close."""
        return indicators.macd(self.close)

    @cached_property
    def bands(self) -> indicators.Bands:
        """Bollinger bands of the close."""
        return indicators.bands(self.close)

    @cached_property
    def atr(self) -> FloatArray:
        """Wilder's average true range."""
        return indicators.atr(self.high, self.low, self.close)

    @cached_property
    def swings(self) -> Swings:
        """Last confirmed swing low and high."""
        return find_swings(high=self.high, low=self.low)


def read_candles(table: pa.Table, *, length_us: int, start_us: int, end_us: int) -> Candles:
    """Candles of a silver table that opened in [start_us, end_us), carried forward where they are NOT_READ.

    Those before the first candle that is read are left out: there is no real close yet to carry. Raises BadPayload
    where open times do not increase.
    """
    table = _between(table, start_us=start_us, end_us=end_us)
    is_read = ~is_flagged(table, *NOT_READ)
    first = int(np.argmax(is_read)) if is_read.any() else table.num_rows
    table, is_read = table.slice(first), is_read[first:]
    open_us = open_times(table)
    columns = _floats(table)
    if not is_read.all():
        last_read = np.maximum.accumulate(np.where(is_read, np.arange(is_read.size), 0))
        close = columns["close"][last_read]
        columns |= {name: np.where(is_read, columns[name], close) for name in _PRICES}
        columns |= {name: np.where(is_read, columns[name], 0.0) for name in _QUANTITIES}
    return Candles(open_us, open_us + length_us, is_read, **columns)


def open_times(table: pa.Table) -> IntArray:
    """Open times in microseconds; raises BadPayload where they do not increase."""
    open_us = times_us(table["open_time"])
    if np.any(np.diff(open_us) <= 0):
        at = int(np.argmax(np.diff(open_us) <= 0)) + 1
        raise BadPayload(f"Candles are not in the order of their open times: row {at} opens {table['open_time'][at]}.")
    return open_us


def _between(table: pa.Table, *, start_us: int, end_us: int) -> pa.Table:
    start, end = np.searchsorted(open_times(table), [start_us, end_us])
    return table.slice(int(start), int(end - start))


def _floats(table: pa.Table) -> dict[str, FloatArray]:
    """Prices and quantities as the nearest floats; Arrow's own cast of decimals misses every eighth by a last bit."""
    return {
        name: pl.Series(pl.from_arrow(table[name])).cast(pl.Float64).to_numpy() for name in (*_PRICES, *_QUANTITIES)
    }
