"""Tables of features that are made up: a walk nobody can foretell, one that can be, and ways to spoil either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from crypto_assets.forecast.options import Source
from crypto_assets.forecast.table import FeatureTable, FloatArray
from crypto_assets.spans import to_us

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
    return replace(
        table,
        open_us=table.open_us[kept],
        as_of_us=table.as_of_us[kept],
        close=table.close[kept],
        is_real=table.is_real[kept],
        warm=table.warm[kept],
        values=table.values[kept],
    )


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
