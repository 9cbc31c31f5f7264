"""Tables of features that are made up: a walk nobody can foretell, one that can be, and ways to spoil either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from crypto_assets.features.declaration import FEATURES as FEATURES_OF_GOLD
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.features.inputs import Source as Recorded
from crypto_assets.forecast.options import Source
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import AMOUNT, FLAGS, SILVER_KLINES, TIMESTAMP
from crypto_assets.spans import from_us, to_us

START = datetime(2024, 8, 1, tzinfo=UTC)
STEP_US: dict[Source, int] = {"gold_features": 60_000_000, "klines_1s": 1_000_000}
FEATURES = ("roc_1_1m", "roc_3_1m", "taker_buy_ratio_1m", "volume_spike_20_1m")


def table_of(
    close: FloatArray,
    values: FloatArray,
    *,
    features: tuple[str, ...] = FEATURES,
    source: Source = "gold_features",
    start: datetime = START,
) -> FeatureTable:
    """A whole table: every row real and warm, none missing."""
    step = STEP_US[source]
    opened = to_us(start) + np.arange(close.size, dtype=np.int64) * step
    return FeatureTable(
        symbol="BTCUSDT",
        source=source,
        step_us=step,
        features=features,
        open_us=opened,
        as_of_us=opened + step,
        close=close,
        is_real=np.ones(close.size, dtype=bool),
        warm=np.ones(close.size, dtype=bool),
        values=values,
    )


def random_walk(
    rows: int, *, seed: int, step: float = 5e-4, source: Source = "gold_features", start: datetime = START
) -> FeatureTable:
    """A price whose next log-return is independent noise; features tell of the past and of nothing else."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, step, rows)
    return table_of(60_000 * np.exp(np.cumsum(returns)), _features(returns, rng), source=source, start=start)


def with_signal(
    rows: int,
    *,
    seed: int,
    strength: float = 0.5,
    step: float = 5e-4,
    source: Source = "gold_features",
    start: datetime = START,
) -> FeatureTable:
    """A price whose next log-return is, by the share `strength` of its variance, the third feature of the row before.

    A model that reads `taker_buy_ratio_1m` of the newest row foretells one row ahead with skill `strength`.
    """
    rng = np.random.default_rng(seed)
    known, noise = rng.normal(0, 1, rows), rng.normal(0, 1, rows)
    returns = step * np.sqrt(1 - strength) * noise
    returns[1:] += step * np.sqrt(strength) * known[:-1]
    values = _features(returns, rng)
    values[:, 2] = known
    return table_of(60_000 * np.exp(np.cumsum(returns)), values, source=source, start=start)


def without_rows(table: FeatureTable, rows: Iterable[int]) -> FeatureTable:
    """The table with a gap in the place of these rows."""
    kept = np.setdiff1d(np.arange(len(table)), np.fromiter(rows, np.int64))
    return table.take(kept)


def with_filled(table: FeatureTable, rows: Iterable[int]) -> FeatureTable:
    """The table in which the candles of these rows were not real: the last real close is carried forward."""
    is_real, close = table.is_real.copy(), table.close.copy()
    for row in sorted(rows):
        is_real[row] = False
        close[row] = close[max(row - 1, 0)]
    return replace(table, is_real=is_real, close=close)


def with_cold(table: FeatureTable, rows: Iterable[int]) -> FeatureTable:
    """The table in which features of these rows had too few candles."""
    warm = table.warm.copy()
    warm[list(rows)] = False
    return replace(table, warm=warm)


def with_value(table: FeatureTable, feature: str, value: float, rows: Iterable[int] | None = None) -> FeatureTable:
    """The table with another value of a feature in these rows, or in all: NaN for null, a constant, infinity."""
    values = table.values.copy()
    values[slice(None) if rows is None else list(rows), table.features.index(feature)] = value
    return replace(table, values=values)


def _features(returns: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Values of FEATURES: percent of the last return and of the last three, and two kinds of noise."""
    last_three = returns.copy()
    last_three[1:] += returns[:-1]
    last_three[2:] += returns[:-2]
    noise = rng.normal(0, 1, (2, returns.size))
    return np.column_stack([100 * returns, 100 * last_three, noise[0], np.exp(noise[1])])


def publish_gold(lake: Lake, symbol: str, table: FeatureTable, *, null: Iterable[str] = ()) -> None:
    """Publish whole days of gold and of silver's candles of a minute that hold a table of `gold_features`.

    Features of the table have its values, others made from candles have noise, all others are null: no book and no
    perpetual was captured. So are those named `null`.
    """
    rng = np.random.default_rng(len(table))
    absent = {feature.name for feature in FEATURES_OF_GOLD if feature.source is not Recorded.KLINES} | set(null)
    columns: dict[str, FloatArray] = {
        feature.name: rng.normal(0, 1, len(table)) for feature in FEATURES_OF_GOLD if feature.name not in absent
    }
    columns |= {name: table.values[:, index] for index, name in enumerate(table.features) if name not in absent}
    day_us = 86_400_000_000
    for first in np.unique(table.open_us // day_us).tolist():
        rows = np.flatnonzero(table.open_us // day_us == first)
        day = from_us(first * day_us).date()
        taken = {name: column[rows] for name, column in columns.items()}
        lake.publish(GOLD_FEATURES, symbol, day, _gold(table, rows, taken))
        lake.publish(SILVER_KLINES["1m"], symbol, day, _silver(table, rows))


def _gold(table: FeatureTable, rows: IntArray, columns: dict[str, FloatArray]) -> pa.Table:
    fixed = {
        "open_time": table.open_us[rows],
        "as_of": table.as_of_us[rows],
        "warm": table.warm[rows],
        "filled": ~table.is_real[rows],
    }
    return pa.table(
        [_gold_column(field, fixed, columns, rows.size) for field in GOLD_FEATURES.schema], GOLD_FEATURES.schema
    )


def _gold_column(field: pa.Field, fixed: Mapping[str, Any], columns: Mapping[str, FloatArray], rows: int) -> pa.Array:
    if field.name in fixed:
        return pa.array(fixed[field.name]).cast(field.type)
    if field.name in columns:
        return pa.array(columns[field.name], from_pandas=True)
    nothing_was_captured = pa.types.is_boolean(field.type)
    return pa.array([False] * rows) if nothing_was_captured else pa.nulls(rows, field.type)


def _silver(table: FeatureTable, rows: IntArray) -> pa.Table:
    """Candles that did nothing but close where the row says; those that were not real are flagged as filled."""
    close = pa.array(np.round(table.close[rows], 8)).cast(AMOUNT, safe=False)
    ones = pa.array(np.ones(rows.size)).cast(AMOUNT)
    opened = pa.array(table.open_us[rows], TIMESTAMP)
    return pa.table(
        {
            "open_time": opened,
            **dict.fromkeys(("open", "high", "low", "close"), close),
            "volume": ones,
            "close_time": pa.array(table.as_of_us[rows] - 1_000, TIMESTAMP),
            "quote_volume": close,
            "count": pa.array([1] * rows.size, pa.int64()),
            "taker_buy_volume": ones,
            "taker_buy_quote_volume": close,
            "flags": pa.array(np.where(table.is_real[rows], 0, FLAGS["filled"]), pa.int32()),
            "source": pa.array(["archive"] * rows.size),
        },
        SILVER_KLINES["1m"].schema,
    )
