"""How features of a day are spread, how they move together, and where they have no value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.features.declaration import PRESENCE, Feature

type Method = Literal["Spearman", "Pearson"]
type FloatArray = npt.NDArray[np.float64]

METHODS: tuple[Method, ...] = ("Spearman", "Pearson")

BINS = 40
PIECE_MINUTES = 15
"""Of the day, in which the values that are missing are counted."""
FEWEST_PAIRS = 3
"""Rows that a correlation needs; of two it is always 1 or -1."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The finite values of one feature on a day; figures are None where there is no value."""

    feature: Feature
    rows: int
    """All rows of the day."""
    missing: int
    """Rows without a finite value."""
    outside: int
    """Values that the declaration excludes."""
    minimum: float | None = None
    low: float | None = None
    """The value that 5 % of the values do not exceed."""
    median: float | None = None
    mean: float | None = None
    high: float | None = None
    """The value that 95 % of the values do not exceed."""
    maximum: float | None = None
    deviation: float | None = None
    """Population standard deviation."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Coefficients of pairs of features over the warm rows of a day where both have a value."""

    method: Method
    names: tuple[str, ...]
    matrix: FloatArray
    """NaN where a pair has no coefficient: too few rows, or one that never changes."""
    rows: int
    """Warm rows of the day."""
    left_out: tuple[str, ...]
    """Features asked for that have no value, or one value only."""


def spread(gold: pl.DataFrame, feature: Feature) -> Spread:
    """How the values of a feature are spread over all rows of a day."""
    values = _values(gold, feature.name)
    finite = values[np.isfinite(values)]
    missing = values.size - finite.size
    if not finite.size:
        return Spread(feature, rows=values.size, missing=missing, outside=0)
    low, median, high = (float(v) for v in np.quantile(finite, (0.05, 0.5, 0.95)))
    below = 0 if feature.low is None else np.count_nonzero(finite < feature.low)
    above = 0 if feature.high is None else np.count_nonzero(finite > feature.high)
    return Spread(
        feature,
        rows=values.size,
        missing=missing,
        outside=int(below + above),
        minimum=float(finite.min()),
        low=low,
        median=median,
        mean=float(finite.mean()),
        high=high,
        maximum=float(finite.max()),
        deviation=float(finite.std()),
    )


def histogram(gold: pl.DataFrame, name: str) -> pl.DataFrame:
    """Of the finite values of a feature: start, end and rows of BINS bins of one width, or of one bin for one value."""
    values = _values(gold, name)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return pl.DataFrame(schema={"start": pl.Float64, "end": pl.Float64, "rows": pl.Int64})
    low, high = float(finite.min()), float(finite.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # Values that differ in their last digits only cannot be cut into bins of floating point numbers.
        half = max(0.5, 1e-9 * abs(low))
        return pl.DataFrame({"start": [low - half], "end": [high + half], "rows": [finite.size]})
    rows, edges = np.histogram(finite, bins=BINS)
    return pl.DataFrame({"start": edges[:-1], "end": edges[1:], "rows": rows})


def correlation(gold: pl.DataFrame, names: Sequence[str], *, method: Method) -> Correlation:
    """Coefficients of every pair of the features; Spearman's are Pearson's of the ranks; equal values share one."""
    warm = gold.filter(pl.col("warm"))
    columns = {name: _values(warm, name) for name in names}
    used = tuple(name for name, values in columns.items() if _varies(values))
    matrix = np.full((len(used), len(used)), np.nan)
    if used:
        matrix = _coefficients(np.column_stack([columns[name] for name in used]), method)
    return Correlation(method, used, matrix, warm.height, tuple(name for name in names if name not in used))


def share_without_value(gold: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """For each feature and piece of a day: name, open_time, end, and the share of its rows without a finite value.

    Pieces without a row are not listed.
    """
    length = f"{PIECE_MINUTES}m"
    return (
        gold.group_by_dynamic("open_time", every=length)
        .agg((1 - pl.col(name).is_finite().fill_null(value=False).mean()).alias(name) for name in names)
        .unpivot(names, index="open_time", variable_name="name", value_name="share")
        .with_columns((pl.col("open_time") + pl.duration(minutes=PIECE_MINUTES)).alias("end"))
    )


def presence(gold: pl.DataFrame) -> dict[str, int]:
    """Rows for which each source other than candles was known, by the source's name."""
    return {source.value.replace("_", " "): int(gold[column].sum()) for source, column in PRESENCE.items()}


def _coefficients(values: FloatArray, method: Method) -> FloatArray:
    if np.isfinite(values).all():
        return _of_complete(values, method)
    count = values.shape[1]
    matrix = np.full((count, count), np.nan)
    for one in range(count):
        for other in range(one, count):
            pair = values[:, [one, other]]
            pair = pair[np.isfinite(pair).all(axis=1)]
            if len(pair) >= FEWEST_PAIRS and _varies(pair[:, 0]) and _varies(pair[:, 1]):
                matrix[one, other] = matrix[other, one] = _of_complete(pair, method)[0, 1]
    return matrix


def _of_complete(values: FloatArray, method: Method) -> FloatArray:
    if len(values) < FEWEST_PAIRS:
        return np.full((values.shape[1], values.shape[1]), np.nan)
    ranked = pl.DataFrame(values).select(pl.all().rank()).to_numpy() if method == "Spearman" else values
    return np.clip(np.atleast_2d(np.corrcoef(ranked, rowvar=False)).astype(np.float64), -1.0, 1.0)


def _varies(values: FloatArray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.size) and bool(finite.max() > finite.min())


def _values(gold: pl.DataFrame, name: str) -> FloatArray:
    """The column, null as NaN."""
    return gold[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
