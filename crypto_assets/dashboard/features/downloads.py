"""A day's features as files to take away."""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.dashboard.features.gold_day import GoldDay
from crypto_assets.features.declaration import GOLD_FEATURES

ALWAYS = ("open_time", "as_of", "warm", "filled")
"""Columns of every file: what a row is, and whether it is whole."""


def columns_of(names: Sequence[str]) -> list[str]:
    """Columns of a file with these features, in the order that gold has."""
    wanted = {*ALWAYS, *names}
    return [column for column in GOLD_FEATURES.schema.names if column in wanted]


def as_parquet(day: GoldDay, names: Sequence[str]) -> bytes:
    """All rows of the day; each column carries its meaning, unit and family as metadata. Values are gold's, exactly."""
    columns = columns_of(names)
    schema = pa.schema([GOLD_FEATURES.schema.field(column) for column in columns])
    table = day.gold.select(columns).to_arrow().cast(schema)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", coerce_timestamps="us")
    return sink.getvalue()


def as_csv(day: GoldDay, names: Sequence[str]) -> bytes:
    """All rows of the day with a header; times as 2024-08-05T14:36:00Z, no value as nothing between two commas."""
    frame = day.gold.select(columns_of(names))
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    written = frame.with_columns(pl.col(times).dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return written.write_csv().encode()


def file_name(day: GoldDay, kind: str) -> str:
    """How the file is named: gold_features-BTCUSDT-2024-08-05.csv"""
    return f"{GOLD_FEATURES.name}-{day.symbol}-{day.day}.{kind}"
