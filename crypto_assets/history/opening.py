"""Opens the files that a person brings without trusting them: nothing is unpacked to disk, nothing fills the memory."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.binance.archive_zip import LARGEST_CSV_BYTES, LARGEST_RATIO, RATIO_MATTERS_FROM, refuse_bomb

LARGEST_DENSITY = 100
"""Rows a byte of a Parquet file; candles of an idle symbol reach about one."""
ROWS_MATTER_FROM = 1_000_000
MOST_COLUMNS = 1_000
LONGEST_VALUE_BYTES = 256
"""Of a text in a dictionary: one of a megabyte, named by each row, would be terabytes of text."""
_THRIFT_LIMITS: dict[str, Any] = {"thrift_string_size_limit": 16 << 20, "thrift_container_size_limit": 1 << 20}


@contextmanager
def open_table(fs: Any, path: str) -> Generator[BinaryIO]:
    """The bytes of a CSV, also of one in a `.gz`, or alone in a `.zip`.

    Reading raises ValueError or zipfile.BadZipFile where it unpacks to more than any table would.
    """
    with fs.open(path, "rb") as packed:
        if path.endswith(".zip"):
            with zipfile.ZipFile(packed) as archive, archive.open(_only_csv(archive)) as member:
                yield cast("BinaryIO", member)
        elif path.endswith(".gz"):
            size = fs.size(path)
            limit = LARGEST_CSV_BYTES if size is None else max(RATIO_MATTERS_FROM, LARGEST_RATIO * size)
            with gzip.GzipFile(fileobj=packed) as unpacked:
                yield io.BufferedReader(_Limited(unpacked, limit), 1 << 20)
        else:
            yield io.BufferedReader(_Limited(packed, LARGEST_CSV_BYTES), 1 << 20)


def as_text(opened: BinaryIO) -> BinaryIO:
    """The same bytes as UTF-8; those that are none are written out, `\\xff`, so that their line can be kept."""
    return cast("BinaryIO", io.BufferedReader(_Decoded(opened), 1 << 20))


@contextmanager
def open_parquet(fs: Any, path: str) -> Generator[tuple[pq.ParquetFile, list[str]]]:
    """A Parquet file, and its columns that hold one value a row; texts come as dictionaries.

    Raises ValueError where it says of itself what no table of candles says.
    """
    with fs.open(path, "rb") as opened:
        found = pq.ParquetFile(opened, **_THRIFT_LIMITS)
        _refuse_impossible(found.metadata, size=fs.size(path))
        schema = found.schema_arrow
        flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
        texts = [field.name for field in schema if _is_text(field.type)]
        opened.seek(0)
        yield pq.ParquetFile(opened, read_dictionary=texts, buffer_size=1 << 20, **_THRIFT_LIMITS), flat


def plain_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with texts instead of dictionaries; raises ValueError where one is longer than any value."""
    columns: list[pa.Array] = []
    for column in batch.columns:
        if isinstance(column, pa.DictionaryArray):
            longest = max((len(value.as_buffer() or b"") for value in column.dictionary if value.is_valid), default=0)
            if longest > LONGEST_VALUE_BYTES:
                raise ValueError(f"it holds a text of {longest:,} bytes; no value of a candle is so long")
            columns.append(column.dictionary_decode())
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


class _Limited(io.RawIOBase):
    """A stream that gives at most so many bytes, and then raises."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = limit
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(min(len(buffer), 1 << 20))
        self._left -= len(piece)
        if self._left < 0:
            raise ValueError(f"it unpacks to more than {self._limit:,} bytes: no table, a bomb")
        buffer[: len(piece)] = piece
        return len(piece)


class _Decoded(io.RawIOBase):
    """A stream of UTF-8 whatever the stream below holds."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            piece = self._stream.read(1 << 20)
            self._ready = self._decoder.decode(piece, final=not piece).encode()
            if not piece:
                break
        given, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def _only_csv(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1 or not members[0].filename.lower().endswith(".csv"):
        raise ValueError(f"it holds {len(members)} files, and must hold one CSV")
    refuse_bomb(members[0])
    return members[0]


def _refuse_impossible(about: pq.FileMetaData, *, size: int | None) -> None:
    if about.num_columns > MOST_COLUMNS:
        raise ValueError(f"it has {about.num_columns:,} columns; at most {MOST_COLUMNS:,} are read")
    if size is None:
        return
    if about.num_rows > max(ROWS_MATTER_FROM, LARGEST_DENSITY * size):
        raise ValueError(f"it says that {size:,} bytes hold {about.num_rows:,} rows: no table, a bomb")
    unpacked = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    if unpacked > max(RATIO_MATTERS_FROM, LARGEST_RATIO * size):
        raise ValueError(f"it unpacks from {size:,} to {unpacked:,} bytes: no table, a bomb")


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
