"""Rows of days of gold beside the prices that silver has for them, as one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.errors import BadPayload
from crypto_assets.features.candles import NOT_READ, open_times
from crypto_assets.features.inputs import MINUTE_US
from crypto_assets.forecast.table import BoolArray, FeatureTable, FloatArray, IntArray
from crypto_assets.spans import from_us, times_us

GOLD_READ = ("open_time", "as_of", "warm", "filled")
"""Columns of gold that rows are made from, beside the features."""
PRICE_READ = ("open_time", "close", "flags")
"""Columns of silver's candles of a minute that rows are made from: gold holds no price."""


@dataclass(frozen=True, slots=True)
class _Rows:
    open_us: IntArray
    as_of_us: IntArray
    close: FloatArray
    is_real: BoolArray
    warm: BoolArray
    values: FloatArray


def gold_rows(days: Iterable[tuple[pa.Table, pa.Table]], *, symbol: str, features: Sequence[str]) -> FeatureTable:
    """Rows of days of gold, one day after the other, each day beside its silver candles of a minute.

    Of gold GOLD_READ and the features are read, of silver PRICE_READ. The close of a row is that of its own candle
    where that was real: in silver, and to gold when it was computed. Where it was not (interpolated, out of range,
    contradictory, gone), the last real close before it stands there and the row is not real. Rows before the first
    real close are left out. Raises BadPayload where rows are out of order.
    """
    parts = [_rows(gold, silver, features) for gold, silver in days]
    opened = np.concatenate([part.open_us for part in parts])
    behind = np.flatnonzero(np.diff(opened) <= 0)
    if behind.size:
        at = from_us(int(opened[behind[0] + 1]))
        raise BadPayload(
            f"Rows of gold are not in the order of their open times: that of {at} comes after a later one."
        )
    is_real = np.concatenate([part.is_real for part in parts])
    first = int(np.argmax(is_real)) if is_real.any() else is_real.size
    is_real = is_real[first:]
    close = np.concatenate([part.close for part in parts])[first:]
    return FeatureTable(
        symbol=symbol,
        source="gold_features",
        step_us=MINUTE_US,
        features=tuple(features),
        open_us=opened[first:],
        as_of_us=np.concatenate([part.as_of_us for part in parts])[first:],
        close=close[np.maximum.accumulate(np.where(is_real, np.arange(is_real.size), 0))],
        is_real=is_real,
        warm=np.concatenate([part.warm for part in parts])[first:],
        values=np.concatenate([part.values for part in parts])[first:],
    )


def count_not_numbers(values: pa.Table, names: Sequence[str]) -> dict[str, int]:
    """NaN and infinite values by column; of those columns that have any. A null is neither."""
    finite = {name: int(np.isfinite(values[name].to_numpy()).sum()) for name in names}
    counts = {name: values.num_rows - values[name].null_count - finite[name] for name in names}
    return {name: count for name, count in counts.items() if count}


def _rows(gold: pa.Table, silver: pa.Table, features: Sequence[str]) -> _Rows:
    opened, priced = open_times(gold), open_times(silver)
    close, read = _floats(silver["close"]), (silver["flags"].to_numpy() & NOT_READ) == 0
    found = np.searchsorted(priced, opened)
    has_candle = np.append(priced, -1)[found] == opened
    own = np.where(has_candle, found, 0)
    is_real = has_candle & ~gold["filled"].to_numpy() & (read[own] if read.size else False)
    values = np.empty((opened.size, len(features)))
    for index, name in enumerate(features):
        values[:, index] = gold[name].to_numpy()
    return _Rows(
        open_us=opened,
        as_of_us=times_us(gold["as_of"]),
        close=np.where(is_real, close[own] if close.size else np.nan, np.nan),
        is_real=is_real,
        warm=gold["warm"].to_numpy(),
        values=values,
    )


def _floats(column: pa.ChunkedArray) -> FloatArray:
    """The nearest floats; Arrow's own cast of decimals misses every eighth by a last bit."""
    return pl.Series(pl.from_arrow(column)).cast(pl.Float64).to_numpy()
