"""What a source hands over when it is asked for a day of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from crypto_assets.schemas import TIMESTAMP, Dataset


@dataclass(frozen=True, slots=True)
class Delivery:
    """Rows of one origin, as stored rows, and the rows that could not be used."""

    source: str
    origin: str
    version: str
    """sha256 of what was delivered; rows of the same version are the same rows."""
    rows: pa.Table
    """Schema of the dataset."""
    rejected: pa.Table
    """Schema REJECTED."""
    note: str
    """For people: what came, or what was peculiar about it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One origin that may hold rows of the day, and how to look."""

    source: str
    origin: str
    identity: Callable[[], str | None]
    """Cheap: names the content that the origin offers now; None where it has none."""
    ask: Callable[[], Delivery]
    """Fetches and parses; called only when the identity is new."""
    absent: str
    """For people: what it means where there is no identity."""


def stored_rows(
    rows: pa.Table, dataset: Dataset, *, source: str, exchange: str, received_at: datetime | pa.ChunkedArray
) -> pa.Table:
    """Payload rows with their provenance, as the dataset stores them; times and values are not touched."""
    count = rows.num_rows
    received = pa.repeat(pa.scalar(received_at, TIMESTAMP), count) if isinstance(received_at, datetime) else received_at
    columns = {name: rows[name] for name in dataset.payload.names}
    provenance = {
        "source": pa.repeat(source, count),
        "exchange": pa.repeat(exchange, count),
        "received_at": received,
        "topic": pa.nulls(count, pa.string()),
        "partition": pa.nulls(count, pa.int32()),
        "offset": pa.nulls(count, pa.int64()),
    }
    return pa.table({**columns, **provenance}).cast(dataset.schema)


def row_hashes(rows: pa.Table) -> pl.Series:
    """A 64-bit hash of each row, the same for rows of equal values within this process."""
    return pl.DataFrame(rows.replace_schema_metadata(None)).hash_rows(seed=0)


def content_version(rows: pa.Table) -> str:
    """sha256 over the rows' values, the same for the same rows in the same order."""
    sink = pa.BufferOutputStream()
    table = rows.combine_chunks().replace_schema_metadata(None)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()
