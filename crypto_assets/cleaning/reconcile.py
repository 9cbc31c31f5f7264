"""Whether the sources of a bronze day tell the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.deduplicate import FIELDS, sort_copies
from crypto_assets.cleaning.disagreements import DISAGREEMENTS, OTHER, list_differences
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.schemas import BRONZE_KLINES


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """What two or more sources say of the same candles."""

    rows: Mapping[str, int]
    """Distinct open times of each source, by name."""
    compared: int
    """Candles that more than one source has."""
    differences: pa.Table
    """DISAGREEMENTS: each other source against the best one of the candle, field by field."""

    @property
    def differing(self) -> int:
        """Candles in which at least one field differs."""
        return len(self.differences["open_time"].unique())

    def count_fields(self) -> dict[str, int]:
        """Differences by field, for every field but the open time, zeros included."""
        found = pl.Series(self.differences["field"].to_pylist(), dtype=pl.String)
        return {field: int((found == field).sum()) for field in FIELDS[1:]}


def compare_sources(bronze: pa.Table, *, timeframe: str) -> SourceComparison:
    """Each source's first copy of a candle against that of the candle's best source (archive, rest, history, capture,
    live): exactly, close times in milliseconds.

    `bronze` are stored klines. Copies within one source are not compared here: cleaning reports them.
    """
    rows = frame_of(bronze, BRONZE_KLINES[timeframe].schema, name=f"bronze_klines_{timeframe}")
    firsts = sort_copies(rows.drop_nulls("open_time")).unique(
        ["open_time", "source"], keep="first", maintain_order=True
    )
    columns = ["source", *FIELDS]
    is_best = firsts["open_time"].is_first_distinct()
    best, others = firsts.filter(is_best).select(columns), firsts.filter(~is_best).select(columns)
    pairs = best.join(others, on="open_time", suffix=OTHER)
    counts = firsts.group_by("source").len().sort("source")
    return SourceComparison(
        rows=dict(counts.iter_rows()),
        compared=others["open_time"].n_unique(),
        differences=table_of(list_differences(pairs, fields=FIELDS[1:]), DISAGREEMENTS),
    )
