"""What stored features must not be: outside their declared range, or undefined where they were promised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from crypto_assets.features.declaration import FEATURES, PRESENCE, Feature
from crypto_assets.features.rolling import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """Values of a column that its declaration excludes."""

    column: str
    rows: int
    worst: float
    minute: datetime
    """Open time of the row with the worst value."""
    low: float | None
    high: float | None

    def __str__(self) -> str:
        low, high = ("any" if bound is None else f"{bound:g}" for bound in (self.low, self.high))
        return (
            f"{self.column}: {self.rows} rows outside {low} to {high}, "
            f"worst {self.worst:g} at {self.minute:%Y-%m-%d %H:%M}"
        )


@dataclass(frozen=True, slots=True)
class Undefined:
    """Values that are missing, NaN or infinite in warm rows, though their source was present."""

    column: str
    nulls: int
    nans: int
    infinities: int
    minute: datetime
    """Open time of the first such row."""

    def __str__(self) -> str:
        counts = ((self.nulls, "null"), (self.nans, "NaN"), (self.infinities, "infinite"))
        found = ", ".join(f"{count} {what}" for count, what in counts if count)
        return f"{self.column}: {found} in warm rows, first at {self.minute:%Y-%m-%d %H:%M}"


def out_of_range(gold: pa.Table) -> list[OutOfRange]:
    """Columns of a gold table with values outside their declared range, in the order of declaration."""
    return [found for feature in FEATURES if (found := _out_of_range(gold, feature))]


def undefined_in_warm_rows(gold: pa.Table) -> list[Undefined]:
    """Columns of a gold table with null, NaN or infinite values in warm rows whose source was present."""
    return [found for feature in FEATURES if (found := _undefined(gold, feature))]


def _out_of_range(gold: pa.Table, feature: Feature) -> OutOfRange | None:
    values = _values(gold, feature)
    below = np.zeros(values.size) if feature.low is None else feature.low - values
    above = np.zeros(values.size) if feature.high is None else values - feature.high
    excess = np.nan_to_num(np.maximum(below, above), nan=0.0, posinf=np.inf)
    rows = np.flatnonzero(excess > 0)
    if not rows.size:
        return None
    worst = int(np.argmax(excess))
    return OutOfRange(
        feature.name, rows.size, float(values[worst]), gold["open_time"][worst].as_py(), feature.low, feature.high
    )


def _undefined(gold: pa.Table, feature: Feature) -> Undefined | None:
    promised = _flags(gold, "warm")
    if feature.source in PRESENCE:
        promised &= _flags(gold, PRESENCE[feature.source])
    values = _values(gold, feature)
    is_null = gold[feature.name].is_null().to_numpy()
    rows = np.flatnonzero(promised & ~np.isfinite(values))
    if not rows.size:
        return None
    nulls, infinities = int(is_null[rows].sum()), int(np.isinf(values[rows]).sum())
    return Undefined(
        feature.name, nulls, rows.size - nulls - infinities, infinities, gold["open_time"][int(rows[0])].as_py()
    )


def _values(gold: pa.Table, feature: Feature) -> FloatArray:
    """The column, null as NaN."""
    return gold[feature.name].to_numpy().astype(np.float64, copy=False)


def _flags(gold: pa.Table, name: str) -> BoolArray:
    return np.array(gold[name].to_numpy(), dtype=bool)
