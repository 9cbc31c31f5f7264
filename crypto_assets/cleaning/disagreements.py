"""Where two copies of one candle differ: field by field, both values as text, and who said which."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.rules import CLOSE_TIME_RESOLUTION_US
from crypto_assets.schemas import TIMESTAMP

DISAGREEMENTS = pa.schema(
    [
        pa.field("open_time", TIMESTAMP, nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("kept_value", pa.string()),
        pa.field("kept_source", pa.string(), nullable=False),
        pa.field("other_value", pa.string()),
        pa.field("other_source", pa.string(), nullable=False),
    ]
)
"""One row for each field in which the copy that was kept and another one differ; a null value was missing."""

OTHER = "_other"
"""Suffix of the other copy's columns in a frame of pairs."""


def differs(field: str) -> pl.Expr:
    """True where a pair differs in the field: exactly, and close times in the coarser resolution that they come in."""
    kept, other = pl.col(field), pl.col(field + OTHER)
    if field == "close_time":
        kept, other = (side.to_physical() // CLOSE_TIME_RESOLUTION_US for side in (kept, other))
    return kept.ne_missing(other)


def list_differences(pairs: pl.DataFrame, *, fields: Sequence[str]) -> pl.DataFrame:
    """One row of DISAGREEMENTS for each pair and field that differ, sorted and without repetitions.

    `pairs` holds `open_time`, then `source` and the fields, and these again with the suffix OTHER.
    """
    found = pairs.select(differs(field).any().alias(field) for field in fields).row(0, named=True)
    parts = [
        pairs.filter(differs(field)).select(
            "open_time",
            field=pl.lit(field),
            kept_value=_as_text(field, pairs.schema[field]),
            kept_source="source",
            other_value=_as_text(field + OTHER, pairs.schema[field]),
            other_source="source" + OTHER,
        )
        for field, any_differs in found.items()
        if any_differs
    ]
    rows = pl.concat([no_differences(), *parts])
    return rows.unique().sort(rows.columns) if parts else rows


def list_one_sided(kept: pl.DataFrame, other: pl.DataFrame, *, kept_source: str, other_source: str) -> pl.DataFrame:
    """A row of DISAGREEMENTS for each candle that only `kept` has, in the field `open_time`."""
    alone = kept.join(other, on="open_time", how="anti")
    return alone.select(
        "open_time",
        field=pl.lit("open_time"),
        kept_value=_as_text("open_time", kept.schema["open_time"]),
        kept_source=pl.lit(kept_source),
        other_value=pl.lit(None, pl.String),
        other_source=pl.lit(other_source),
    )


def _as_text(column: str, kind: pl.DataType) -> pl.Expr:
    """The column as text: decimals with all digits, times with microseconds."""
    if isinstance(kind, pl.Datetime):
        return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return pl.col(column).cast(pl.String)


@cache
def no_differences() -> pl.DataFrame:
    """An empty frame of DISAGREEMENTS."""
    return pl.DataFrame(pl.from_arrow(DISAGREEMENTS.empty_table()))
