"""Days of the warehouse's tables as Parquet: one file a day, replaced whole."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import LakeError
from crypto_assets.lake.files import Files
from crypto_assets.lake.lake import Published
from crypto_assets.warehouse.tables import DayTable

FILE = "part-0.parquet"
"""Always this name: a store replaces a file whole, so that a reader of the folder sees one version of the day, never
two beside each other or none."""

_DATA_VERSION = "data_version"
_NOTES = "notes"


@dataclass(frozen=True, slots=True)
class PublishedDay(Published):
    """What the publication of a day did."""

    data_version: str
    """sha256 that changes when, and only when, the rows do; notes do not count."""


@dataclass(frozen=True, slots=True)
class DayManifest:
    """What a day consists of, exactly: one Parquet file."""

    uri: str
    bytes: int
    rows: int
    sha256: str
    data_version: str
    """As `PublishedDay` has it."""
    notes: Mapping[str, str]


class WarehouseStore:
    """Reads and publishes days of tables below one URI.

    A reader sees a day as it was before a publication or as it is after it; one that fails leaves the former day. The
    notes lie in the file itself, so that an end between two writes cannot part them. All methods raise LakeError with
    the reason where the store cannot be used.
    """

    def __init__(self, uri: str, *, storage_options: Mapping[str, Any] | None = None) -> None:
        self.files = Files(uri, storage_options=storage_options)

    @property
    def uri(self) -> str:
        """Where the warehouse lies."""
        return self.files.uri

    def uri_of(self, table: DayTable, day: date) -> str:
        """URI of the day's folder."""
        return self.files.uri_of(table.folder(day))

    def publish(
        self, table: DayTable, day: date, data: pa.Table, *, notes: Mapping[str, str] | None = None
    ) -> PublishedDay:
        """Make these rows the day, in the order given; the same rows and notes again change nothing.

        Raises ValueError for other columns or types than the table's, or a null where it has none.
        """
        rows = _with_schema(data, table)
        version = hashlib.sha256(_to_parquet(rows, {})).hexdigest()
        content = _to_parquet(rows, {_DATA_VERSION: version, _NOTES: _encoded(notes or {})})
        path = _path(table, day)
        changed = self.files.publish(path, content)
        sha256 = hashlib.sha256(content).hexdigest()
        return PublishedDay(self.files.uri_of(path), rows.num_rows, len(content), sha256, changed, version)

    def read(self, table: DayTable, day: date, *, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Rows of the day with the table's schema, or these columns of it; None where it was never published."""
        content = self.files.read(_path(table, day))
        if content is None:
            return None
        schema = table.schema if columns is None else pa.schema([table.schema.field(column) for column in columns])
        return self._opened(table, day, content).read(columns=schema.names).select(schema.names).cast(schema)

    def manifest(self, table: DayTable, day: date) -> DayManifest | None:
        """File of the day with its bytes and rows, and its notes; None where it was never published."""
        held = self.read_whole(table, day)
        return None if held is None else held[0]

    def read_whole(self, table: DayTable, day: date) -> tuple[DayManifest, pa.Table] | None:
        """The manifest of the day and the rows of the same file, whoever replaces it meanwhile."""
        path = _path(table, day)
        content = self.files.read(path)
        if content is None:
            return None
        parquet = self._opened(table, day, content)
        footer = parquet.metadata.metadata or {}
        sha256 = hashlib.sha256(content).hexdigest()
        manifest = DayManifest(
            uri=self.files.uri_of(path),
            bytes=len(content),
            rows=parquet.metadata.num_rows,
            sha256=sha256,
            data_version=footer.get(_DATA_VERSION.encode(), sha256.encode()).decode(),
            notes=MappingProxyType(msgspec.json.decode(footer.get(_NOTES.encode(), b"{}"), type=dict[str, str])),
        )
        return manifest, parquet.read().cast(table.schema)

    def _opened(self, table: DayTable, day: date, content: bytes) -> pq.ParquetFile:
        """The file, if it has the columns of the table."""
        uri = self.files.uri_of(_path(table, day))
        try:
            parquet = pq.ParquetFile(io.BytesIO(content))
        except pa.ArrowInvalid as error:
            raise LakeError(f"{uri} is no Parquet file: {error}. Materialise {table.name} {day} again.") from error
        if parquet.schema_arrow.names != table.schema.names:
            raise LakeError(
                f"{uri} has the columns {', '.join(parquet.schema_arrow.names)}, and {table.name} has "
                f"{', '.join(table.schema.names)}: it is of another version. Materialise {table.name} {day} again."
            )
        return parquet


def _path(table: DayTable, day: date) -> str:
    return f"{table.folder(day)}/{FILE}"


def _encoded(notes: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(notes), order="sorted").decode()


def _with_schema(data: pa.Table, table: DayTable) -> pa.Table:
    if data.schema.names != table.schema.names:
        raise ValueError(f"columns are {data.schema.names}, {table.name} has {table.schema.names}")
    wrong = [
        f"{f.name} is {data.schema.field(f.name).type}, not {f.type}"
        for f in table.schema
        if data.schema.field(f.name).type != f.type
    ]
    nulls = [f.name for f in table.schema if not f.nullable and data[f.name].null_count]
    if wrong or nulls:
        raise ValueError(f"{table.name}: {'; '.join([*wrong, *(f'{name} holds nulls' for name in nulls)])}")
    return data.cast(table.schema).combine_chunks()


def _to_parquet(rows: pa.Table, footer: Mapping[str, str]) -> bytes:
    """The same bytes for the same rows and footer."""
    sink = io.BytesIO()
    pq.write_table(rows.replace_schema_metadata(dict(footer)), sink, **_options(rows.schema))
    return sink.getvalue()


def _options(schema: pa.Schema) -> dict[str, Any]:
    """Microseconds, because COPY takes nanoseconds for them; snappy, which every reader of Parquet has."""
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    return {"compression": "snappy", "coerce_timestamps": "us", "use_dictionary": words}
