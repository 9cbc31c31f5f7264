"""The lake: a table for each dataset, symbol and day, published whole."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import LakeError
from crypto_assets.lake.files import Files
from crypto_assets.lake.manifest import (
    MANIFEST_FILE,
    RETIRED_FILE,
    Manifest,
    Part,
    Retired,
    decode_manifest,
    encode_manifest,
)
from crypto_assets.schemas import REJECTED, Dataset
from crypto_assets.spans import HOUR_US, times_us, to_us

FOOTER_BYTES = 64 * 1024
"""Read from the end of a Parquet file to know what it holds: gold's 130 columns describe themselves in half of it."""
READ_ATTEMPTS = 3
"""A reader whose part was replaced between manifest and file takes the new manifest this many times."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did."""

    uri: str
    rows: int
    bytes: int
    sha256: str
    changed: bool
    """False where the lake held exactly this before."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What the end of a day's file tells without its rows."""

    rows: int
    notes: Mapping[str, str]
    """Those published with it."""


class Lake:
    """Reads and publishes days of datasets below one URI.

    A reader sees a day as it was before a publication or as it is after it, never half of it; a publication that fails
    leaves the former day. All methods raise LakeError with the reason where the store cannot be used.
    """

    def __init__(self, uri: str, *, storage_options: Mapping[str, Any] | None = None) -> None:
        self.files = Files(uri, storage_options=storage_options)

    @property
    def uri(self) -> str:
        """Where the lake lies."""
        return self.files.uri

    def uri_of(self, dataset: Dataset, symbol: str, day: date) -> str:
        """URI of a day: its file, or the folder of its parts."""
        return self.files.uri_of(dataset.partition_path(symbol, day))

    def has(self, dataset: Dataset, symbol: str, day: date) -> bool:
        """Whether the day was ever published, be it with zero rows."""
        path = dataset.partition_path(symbol, day)
        return self.files.size(path if dataset.file else f"{path}/{MANIFEST_FILE}") is not None

    def days(self, dataset: Dataset, symbol: str) -> list[date]:
        """Published days of a symbol, ascending."""
        return [day for day in self.day_folders(dataset, symbol) if self.has(dataset, symbol, day)]

    def newest_day(self, dataset: Dataset, symbol: str) -> date | None:
        """The last published day of a symbol, for one listing and few looks; None where none was ever published."""
        named = reversed(self.day_folders(dataset, symbol))
        return next((day for day in named if self.has(dataset, symbol, day)), None)

    def day_folders(self, dataset: Dataset, symbol: str) -> list[date]:
        """Days that have a folder, ascending, for one listing: those published, and some that only another dataset of
        the same folder has, or that retention emptied."""
        parent = dataset.folder.format(symbol=symbol, day="").removesuffix("/date=")
        named = (name.removeprefix("date=") for name in self.files.folders(parent) if name.startswith("date="))
        return [date.fromisoformat(name) for name in named]

    def read(
        self,
        dataset: Dataset,
        symbol: str,
        day: date,
        *,
        columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pa.Table | None:
        """The day's rows with the dataset's schema, those in [start, end) of its time column where given.

        None where the day was never published.
        """
        path = dataset.partition_path(symbol, day)
        schema = _schema_of(dataset, columns)
        table = self._read_files([path], schema) if dataset.file else self._read_listed(dataset, symbol, day, schema)
        return None if table is None else _between(table, dataset.time_column, start, end)

    def read_days(
        self,
        dataset: Dataset,
        symbol: str,
        days: Iterable[date],
        *,
        columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pa.Table:
        """Rows of those of the days that were published, in the order given; possibly none."""
        tables = [self.read(dataset, symbol, day, columns=columns, start=start, end=end) for day in days]
        return pa.concat_tables([_schema_of(dataset, columns).empty_table(), *(t for t in tables if t is not None)])

    def outline(self, dataset: Dataset, symbol: str, day: date) -> Outline | None:
        """Rows and notes of a single-file day, for some kB of reading; None where it was never published.

        Raises LakeError where the file is no Parquet file.
        """
        path = dataset.partition_path(symbol, day)
        raw = self.files.read_end(path, FOOTER_BYTES)
        if raw is None:
            return None
        try:
            stored = _metadata_at_end(raw) or pq.read_metadata(io.BytesIO(self.files.read(path) or b""))
        except pa.ArrowInvalid as error:
            raise LakeError(
                f"{self.files.uri_of(path)} is no Parquet file: {error}. Materialise {dataset.name} of {day} again."
            ) from error
        notes = {key.decode(): value.decode() for key, value in (stored.metadata or {}).items()}
        return Outline(stored.num_rows, {key: value for key, value in notes.items() if not key.startswith("ARROW:")})

    def publish(
        self, dataset: Dataset, symbol: str, day: date, table: pa.Table, *, footer: Mapping[str, str] | None = None
    ) -> Published:
        """Make `table` the day of a single-file dataset, with `footer` as notes in the file.

        Raises ValueError where the table has another schema than the dataset.
        """
        path = dataset.partition_path(symbol, day)
        content = _to_parquet(table, dataset.schema, footer or {})
        changed = self.files.publish(path, content)
        sha256 = hashlib.sha256(content).hexdigest()
        return Published(self.files.uri_of(path), table.num_rows, len(content), sha256, changed)

    def manifest(self, dataset: Dataset, symbol: str, day: date) -> Manifest | None:
        """The record of a day in parts; None where it was never published."""
        raw = self.files.read(f"{dataset.partition_path(symbol, day)}/{MANIFEST_FILE}")
        return None if raw is None else decode_manifest(raw)

    def write_part(
        self,
        dataset: Dataset,
        symbol: str,
        day: date,
        table: pa.Table,
        *,
        source: str,
        origin: str,
        version: str,
        exchange: str = "",
    ) -> list[Part]:
        """Write rows (stored schema) as new files of a day; they belong to it once `publish_manifest` lists them."""
        folder = dataset.partition_path(symbol, day)
        parts: list[Part] = []
        for place, rows in by_place(table, dataset):
            path = f"{place}{source}-{version[:16]}.parquet"
            content = _to_parquet(rows, dataset.schema, {})
            self.files.publish(f"{folder}/{path}", content)
            parts.append(Part(path, rows.num_rows, len(content), source, origin, version, exchange))
        return parts

    def write_file(
        self, dataset: Dataset, symbol: str, day: date, path: str, tables: Iterable[pa.Table]
    ) -> tuple[int, int]:
        """Write tables (stored schema) one after the other as one new file of a day; its rows and bytes. The same file
        for the same rows in the same tables; it belongs to the day once `publish_manifest` lists it."""
        sink, rows = io.BytesIO(), 0
        with pq.ParquetWriter(sink, dataset.schema, **_options(dataset.schema)) as writer:
            for table in tables:
                writer.write_table(table)
                rows += table.num_rows
        self.files.publish(f"{dataset.partition_path(symbol, day)}/{path}", sink.getvalue())
        return rows, sink.getbuffer().nbytes

    def read_parts(
        self, dataset: Dataset, symbol: str, day: date, parts: Sequence[Part], *, columns: Sequence[str]
    ) -> pa.Table:
        """Columns of some parts of a day, listed yet or not; raises FileNotFoundError where one is not there."""
        folder = dataset.partition_path(symbol, day)
        table = self._read_files([f"{folder}/{part.path}" for part in parts], _schema_of(dataset, columns))
        if table is None:
            raise FileNotFoundError(f"{self.files.uri_of(folder)} lacks a part: {', '.join(p.path for p in parts)}")
        return table

    def count_keys(self, dataset: Dataset, symbol: str, day: date, parts: Sequence[Part]) -> int:
        """How many different rows some parts hold, by the dataset's key."""
        table = self.read_parts(dataset, symbol, day, parts, columns=dataset.key)
        return table.group_by(list(dataset.key)).aggregate([]).num_rows

    def publish_manifest(self, dataset: Dataset, symbol: str, day: date, manifest: Manifest) -> bool:
        """Make these parts the day, then delete files that no longer belong to it; False where nothing changed."""
        folder = dataset.partition_path(symbol, day)
        changed = self.files.publish(f"{folder}/{MANIFEST_FILE}", encode_manifest(manifest))
        listed = {MANIFEST_FILE, *(part.path for part in manifest.parts)}
        for name in self.files.names(folder):
            if name not in listed:
                self.files.remove(f"{folder}/{name}")
        return changed

    def retire(self, dataset: Dataset, symbol: str, day: date, retired: Retired) -> None:
        """Delete a day in parts but for this record; for readers it is as if it was never published.

        An end in the middle of it leaves either the day or the record, and then perhaps files that nothing lists.
        """
        folder = dataset.partition_path(symbol, day)
        self.files.publish(f"{folder}/{RETIRED_FILE}", msgspec.json.encode(retired))
        self.files.remove(f"{folder}/{MANIFEST_FILE}")
        for name in self.files.names(folder):
            if name != RETIRED_FILE:
                self.files.remove(f"{folder}/{name}")

    def retired(self, dataset: Dataset, symbol: str, day: date) -> Retired | None:
        """The record of a day that was deleted; None where it was not, or is there again."""
        raw = self.files.read(f"{dataset.partition_path(symbol, day)}/{RETIRED_FILE}")
        if raw is None or self.has(dataset, symbol, day):
            return None
        return _retired.decode(raw)

    def written_at(self, dataset: Dataset, symbol: str, day: date) -> datetime | None:
        """When a day was last published, by the clock of the store; None where it never was."""
        path = dataset.partition_path(symbol, day)
        return self.files.written_at(path if dataset.file else f"{path}/{MANIFEST_FILE}")

    def note_inputs(self, dataset: Dataset, symbol: str, day: date, versions: Mapping[str, str]) -> None:
        """Remember which data version of each input, by name, a day was made from."""
        self.files.publish(_inputs_path(dataset, symbol, day), msgspec.json.encode(versions, order="sorted"))

    def inputs(self, dataset: Dataset, symbol: str, day: date) -> dict[str, str]:
        """Data versions that a day was made from, by input; empty where nobody remembers."""
        raw = self.files.read(_inputs_path(dataset, symbol, day))
        return {} if raw is None else msgspec.json.decode(raw, type=dict[str, str])

    def publish_rejected(self, dataset: Dataset, symbol: str, day: date, rejected: pa.Table, *, version: str) -> bool:
        """Keep rows that could not be used (schema REJECTED); False where this version of them was kept before."""
        path = f"{dataset.rejected_path(day)}/{symbol}-{version[:16]}.parquet"
        return self.files.publish(path, _to_parquet(rejected, REJECTED, {}))

    @contextmanager
    def writing(self, dataset: Dataset, symbol: str) -> Generator[None]:
        """Hold a symbol's days in parts alone, among the processes of this host; another writer waits."""
        with self.files.alone(f"{dataset.name}-{symbol}"):
            yield

    def _read_listed(self, dataset: Dataset, symbol: str, day: date, schema: pa.Schema) -> pa.Table | None:
        folder = dataset.partition_path(symbol, day)
        for _ in range(READ_ATTEMPTS):
            manifest = self.manifest(dataset, symbol, day)
            if manifest is None:
                return None
            table = self._read_files([f"{folder}/{part.path}" for part in manifest.parts], schema)
            if table is not None:
                return table
        raise FileNotFoundError(f"{self.files.uri_of(folder)} changed {READ_ATTEMPTS} times while it was read")

    def _read_files(self, paths: Sequence[str], schema: pa.Schema) -> pa.Table | None:
        """The columns of the schema from all files, one after the other; None as soon as one does not exist."""
        found = [self.files.read(path) for path in paths]
        contents = [content for content in found if content is not None]
        if len(contents) < len(found):
            return None
        if not contents:
            return schema.empty_table()
        # Polars reads the 24 files of a day in a third of the time that Arrow takes, and in one piece every
        # calculation on them is twice as fast.
        return pl.read_parquet(contents, columns=schema.names).select(schema.names).rechunk().to_arrow().cast(schema)


_retired = msgspec.json.Decoder(Retired)


def _metadata_at_end(raw: bytes) -> pq.FileMetaData | None:
    """What the last bytes of a Parquet file say of it; None where they do not reach back to its beginning.

    The format ends with the metadata, their length in 4 bytes, and `PAR1`.
    """
    reaches_back = int.from_bytes(raw[-8:-4], "little") + 12 <= len(raw)
    return pq.read_metadata(io.BytesIO(raw)) if reaches_back else None


def _inputs_path(dataset: Dataset, symbol: str, day: date) -> str:
    folder = dataset.folder.format(symbol=symbol, day=day.isoformat())
    return f"{folder}/_inputs/{dataset.name}.json"


def _schema_of(dataset: Dataset, columns: Sequence[str] | None) -> pa.Schema:
    return dataset.schema if columns is None else pa.schema([dataset.schema.field(column) for column in columns])


def _to_parquet(table: pa.Table, schema: pa.Schema, footer: Mapping[str, str]) -> bytes:
    """The same bytes for the same rows and notes."""
    if table.schema.names != schema.names:
        raise ValueError(f"columns are {table.schema.names}, the dataset has {schema.names}")
    ordered = table.cast(schema).combine_chunks().replace_schema_metadata(dict(footer))
    sink = io.BytesIO()
    pq.write_table(ordered, sink, **_options(schema))
    return sink.getvalue()


def _options(schema: pa.Schema) -> dict[str, Any]:
    """How every Parquet file of the lake is written."""
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    return {"compression": "zstd", "coerce_timestamps": "us", "use_dictionary": words}


def by_place(table: pa.Table, dataset: Dataset) -> list[tuple[str, pa.Table]]:
    """Rows of a day by the folder in the day's own that their files lie in, such as `hour=00/`, or an empty text."""
    if not dataset.hourly:
        return [("", table)]
    hours = times_us(table[dataset.time_column]) // HOUR_US % 24
    return [(f"hour={hour:02d}/", table.filter(pa.array(hours == hour))) for hour in np.unique(hours)]


def _between(table: pa.Table, column: str, start: datetime | None, end: datetime | None) -> pa.Table:
    if start is None and end is None:
        return table
    times = times_us(table[column])
    inside = np.ones(times.size, dtype=bool)
    if start is not None:
        inside &= times >= to_us(start)
    if end is not None:
        inside &= times < to_us(end)
    return table.filter(pa.array(inside))
