"""All that the rows of one day may read, and how each row finds what was closed or known by its `as_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from crypto_assets.features.book import BookMinutes, read_book
from crypto_assets.features.candles import NOT_READ, Candles, open_times, read_candles
from crypto_assets.features.futures import PerpetualMinutes, read_perpetual
from crypto_assets.features.inputs import FeatureInputs, Source, anchor_of
from crypto_assets.features.minutes import Coverage, MinuteGrid
from crypto_assets.features.rolling import BoolArray, FloatArray, IntArray
from crypto_assets.flags import is_flagged
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import MINUTE_US, TIMEFRAME_US


@dataclass(frozen=True)
class Window:
    """The day's rows, one for each silver 1m candle of the day, beside everything they are computed from."""

    open_us: IntArray
    is_filled: BoolArray
    """Rows whose own candle is not read: they carry the last real close."""
    candles: Mapping[str, Candles]
    closed: Mapping[str, IntArray]
    """For each row the last candle of the timeframe that has closed by `as_of`, -1 where there is none."""
    book: BookMinutes
    perpetual: PerpetualMinutes

    @property
    def as_of_us(self) -> IntArray:
        """When each row's candle had closed."""
        return self.open_us + MINUTE_US

    def of_candles(self, timeframe: str, values: FloatArray) -> FloatArray:
        """For each row the value of the last closed candle, NaN where there is none."""
        return np.append(values, np.nan)[self.closed[timeframe]]

    def of_minutes[Scalar: np.generic](self, grid: MinuteGrid, values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """For each row the entry of its minute in an array over a grid."""
        return values[grid.index(self.open_us)]

    @property
    def coverage(self) -> dict[Source, Coverage]:
        """For each row how well the sources other than klines are known."""
        by_minute = [(Source.ORDERBOOK, self.book.grid, self.book.coverage)]
        by_minute += [(source, self.perpetual.grid, known) for source, known in self.perpetual.coverage.items()]
        return {
            source: Coverage(self.of_minutes(grid, known.present), self.of_minutes(grid, known.ready))
            for source, grid, known in by_minute
        }

    def close_ago(self, minutes: int) -> FloatArray:
        """Close of the last 1m candle that had closed so many minutes before `as_of`."""
        candles = self.candles["1m"]
        at = np.searchsorted(candles.close_us, self.as_of_us - minutes * MINUTE_US, side="right") - 1
        return np.append(candles.close, np.nan)[at]

    def candles_read(self, minutes: int) -> IntArray:
        """How many 1m candles were read in the minutes that ended at `as_of`."""
        candles = self.candles["1m"]
        opened = candles.open_us[candles.is_read]
        since = np.searchsorted(opened, self.as_of_us - minutes * MINUTE_US)
        return np.searchsorted(opened, self.as_of_us) - since


def open_window(inputs: FeatureInputs, *, day: date) -> Window:
    """The window of a UTC day: candles from 00:00 four days before, whatever else the inputs hold.

    Raises BadPayload where candles are out of order.
    """
    anchor = anchor_of(day)
    tables = {tf: inputs.candles(tf) for tf in TIMEFRAMES}
    candles = {
        tf: read_candles(table, length_us=TIMEFRAME_US[tf], start_us=anchor.klines_us, end_us=anchor.end_us)
        for tf, table in tables.items()
    }
    all_open_us = open_times(tables["1m"])
    first, last = np.searchsorted(all_open_us, [anchor.day_us, anchor.end_us])
    open_us = all_open_us[first:last]
    return Window(
        open_us=open_us,
        is_filled=is_flagged(tables["1m"], *NOT_READ)[first:last],
        candles=candles,
        closed={tf: np.searchsorted(candles[tf].close_us, open_us + MINUTE_US, side="right") - 1 for tf in candles},
        book=read_book(inputs.orderbook, grid=MinuteGrid(anchor.orderbook_us, anchor.end_us)),
        perpetual=read_perpetual(inputs.perpetual, grid=MinuteGrid(anchor.perpetual_us, anchor.end_us)),
    )
