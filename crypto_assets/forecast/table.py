"""The rows that models are fitted on: one compact table, of which windows are gathered by row index."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.errors import BadPayload
from crypto_assets.forecast.options import Source
from crypto_assets.spans import from_us

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Rows of one symbol, ascending in time, perhaps with gaps; memory is that of the table, whatever the window."""

    symbol: str
    source: Source
    step_us: int
    """Distance of two rows that follow one another without a gap: a minute or a second."""
    features: tuple[str, ...]
    open_us: IntArray
    """Start of the row's candle, us UTC; shape (rows,)."""
    as_of_us: IntArray
    """When that candle had closed, us UTC; everything in the row was known by then. Shape (rows,)."""
    close: FloatArray
    """Last real price by `as_of`, quote asset; shape (rows,)."""
    is_real: BoolArray
    """False where the row's own candle was filled: its close is carried forward, and is no target. Shape (rows,)."""
    warm: BoolArray
    """Whether every feature had all the candles that it needs; shape (rows,)."""
    values: FloatArray
    """Shape (rows, features); NaN where a value is null."""

    def __len__(self) -> int:
        return self.open_us.size

    def take(self, rows: slice | IntArray) -> FeatureTable:
        """The table of these rows only."""
        arrays = ("open_us", "as_of_us", "close", "is_real", "warm", "values")
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})


def places_of(times: IntArray, wanted: IntArray) -> tuple[IntArray, BoolArray]:
    """The index of each wanted time among ascending ones, and whether it is there; where it is not, any index."""
    if not times.size:
        return np.zeros(wanted.shape, np.int64), np.zeros(wanted.shape, dtype=bool)
    place = np.minimum(np.searchsorted(times, wanted), times.size - 1)
    return place, times[place] == wanted


def from_first_real(days: Iterable[pl.DataFrame], *, named: str) -> pl.DataFrame:
    """Rows of days, one after the other, from the first real one on; where one is not real, the last real close stands.

    Columns `open_us`, `is_real` and `close` are read. Raises BadPayload, which calls the rows `named`, where they are
    out of order.
    """
    rows = pl.concat(days)
    behind = np.flatnonzero(np.diff(rows["open_us"].to_numpy()) <= 0)
    if behind.size:
        at = from_us(int(rows["open_us"][int(behind[0]) + 1]))
        raise BadPayload(f"{named} are not in the order of their open times: that of {at} comes after a later one.")
    real = pl.col("is_real")
    close = pl.when(real).then("close").forward_fill()
    return rows.with_columns(close=close).filter(real.cum_sum() > 0).rechunk()


@dataclass(frozen=True, slots=True)
class Samples:
    """What can be learnt from a table: windows, by the row that they end with, and what came after them."""

    rows: IntArray
    """Index in the table of the newest row of each window, ascending; shape (samples,)."""
    targets: FloatArray
    """Log-return of close from that row to each horizon; shape (samples, horizons)."""

    def __len__(self) -> int:
        return self.rows.size


@dataclass(frozen=True, slots=True)
class Split:
    """Samples in three parts, by their index in `Samples`, each ascending: train before validation before test.

    Between the last row that a part's windows or targets touch and the first row that a window of the next part
    touches lies no shared row: at least window + horizon rows of time are left out between two parts.
    """

    train: IntArray
    validation: IntArray
    test: IntArray

    @property
    def parts(self) -> dict[str, IntArray]:
        """All of them by name, in the order of time."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Log-returns that a model foretold for two parts of a split; shapes (samples of the part, horizons)."""

    validation: FloatArray
    test: FloatArray
