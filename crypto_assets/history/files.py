"""Finds kline files below a URI and reads them piece by piece, in bounded memory."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from crypto_assets.errors import DAMAGED, BadPayload, InputIncomplete
from crypto_assets.history.columns import EXCHANGE_ORDER
from crypto_assets.history.opening import as_text, open_parquet, open_table, plain_texts
from crypto_assets.identifiers import shown
from crypto_assets.lake.files import filesystem_of

CSV_SUFFIXES = (".csv", ".csv.gz", ".zip")
PARQUET_SUFFIXES = (".parquet", ".pq")
SOURCE = "history"
"""Source of rows of such files."""
BLOCK_BYTES = 4 << 20
BATCH_ROWS = 200_000
LONGEST_HEADER = 64 << 10
SCHEMES = frozenset({"file", "local", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "hdfs", "viewfs", "hf", "https"})
"""Where files may lie. fsspec knows others, among them chains of them, that reach what nobody meant."""


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """One file: how to open it, and its name without credentials."""

    fs: Any
    path: str

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def origin(self) -> str:
        """What rows name as their origin: no other file's name, and none that the exchange's archive has."""
        return f"{SOURCE}:{self.path.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file, in its order and types, and the lines that have another number of columns."""

    frame: pl.DataFrame
    first_line: int
    """Line, from 1, of the first row; of a Parquet file the row's number."""
    torn: tuple[tuple[int, str], ...] = ()


def find_files(uri: str, *, storage_options: Mapping[str, Any] | None = None) -> list[HistoryFile]:
    """The CSV (also .gz, .zip) and Parquet files of a file, folder or glob: local, `s3://`, `hf://datasets/…`, ….

    Ascending by path. Raises InputIncomplete where there is none.
    """
    scheme = uri.partition("://")[0] if "://" in uri else "file"
    if scheme not in SCHEMES or "::" in uri:
        raise InputIncomplete(
            f"{shown(uri)} is no place that files are read from: give a folder, a file, or one of "
            f"{', '.join(f'{name}://' for name in sorted(SCHEMES))}."
        )
    fs, path = filesystem_of(uri, **(storage_options or {}))
    if "*" in path:
        found = cast("list[str]", fs.glob(path))
    elif fs.isdir(path):
        found = cast("list[str]", fs.find(path))
    else:
        found = [path] if fs.exists(path) else []
    known = sorted(name for name in found if name.endswith((*CSV_SUFFIXES, *PARQUET_SUFFIXES)))
    if not known:
        raise InputIncomplete(
            f"{uri} holds no kline file: {len(found)} files found, none ends with "
            f"{', '.join((*CSV_SUFFIXES, *PARQUET_SUFFIXES))}."
        )
    return [HistoryFile(fs, name) for name in known]


def read_pieces(file: HistoryFile) -> Iterator[Piece]:
    """The file's rows in order. Raises BadPayload where it is not what its name says."""
    try:
        yield from _parquet_pieces(file) if file.path.endswith(PARQUET_SUFFIXES) else _csv_pieces(file)
    except (*DAMAGED, pa.ArrowException) as error:
        raise BadPayload(f"{file.name} cannot be read: {_first_line(error)}") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # the way to the file; a place that no file has is in it
            raise
        raise BadPayload(f"{file.name} cannot be read: {_first_line(error)}") from error


def _parquet_pieces(file: HistoryFile) -> Iterator[Piece]:
    line = 1
    with open_parquet(file.fs, file.path) as (found, columns):
        _refuse_twins(columns)
        for batch in found.iter_batches(batch_size=BATCH_ROWS, columns=columns):
            frame = cast("pl.DataFrame", pl.from_arrow(plain_texts(batch)))
            yield Piece(frame, line)
            line += frame.height


def _csv_pieces(file: HistoryFile) -> Iterator[Piece]:
    with open_table(file.fs, file.path) as opened:
        head, blank = _head(opened)
    if not head:
        raise ValueError("it is empty")
    if b"\0" in head:  # also all of UTF-16; Arrow ends a column's name there
        raise ValueError("its first line holds zero bytes; write it as UTF-8")
    if b"\r" in head.rstrip(b"\r\n"):
        raise ValueError("its lines end with a carriage return alone; write them with line feeds")
    with open_table(file.fs, file.path) as opened:
        for _ in range(blank):
            opened.readline()
        yield from _csv_rows(opened, head, blank=blank)


def _head(opened: BinaryIO) -> tuple[bytes, int]:
    """The first line that is not blank, and how many lie before it."""
    for blank in range(LONGEST_HEADER):
        head = opened.readline(LONGEST_HEADER)
        if len(head) == LONGEST_HEADER:
            raise ValueError(f"its first line is longer than {LONGEST_HEADER:,} bytes")
        if not head.isspace():
            return head, blank
    raise ValueError(f"its first {LONGEST_HEADER:,} lines are blank")


def _csv_rows(opened: BinaryIO, head: bytes, *, blank: int) -> Iterator[Piece]:
    """Every value as text, so that no digit is lost before it is looked at."""
    first = head.decode("utf-8-sig", errors="replace").strip()
    has_header = not first[:1].isdigit()
    width = first.count(",") + 1
    names = [name.strip().strip('"') for name in first.split(",")] if has_header else _exchange_names(width)
    _refuse_twins(names)
    torn: list[tuple[int, str]] = []

    def keep_torn(row: Any) -> str:
        torn.append((blank + (row.number or 0), row.text))
        return "skip"

    reader = pacsv.open_csv(
        as_text(opened),
        read_options=pacsv.ReadOptions(
            block_size=BLOCK_BYTES, column_names=names, skip_rows=int(has_header), use_threads=False
        ),
        parse_options=pacsv.ParseOptions(invalid_row_handler=keep_torn),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    line = 1 + blank + int(has_header)
    for batch in reader:
        frame = cast("pl.DataFrame", pl.from_arrow(batch))
        yield Piece(frame, line, _not_blank(torn))
        line += frame.height + len(torn)
        torn.clear()
    if torn:  # after the last row, or in place of any
        yield Piece(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), line, _not_blank(torn))


def _not_blank(torn: Sequence[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    return tuple((line, text) for line, text in torn if text.strip())


def _refuse_twins(names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"it has more than one column {name}")


def _exchange_names(width: int) -> list[str]:
    if width not in (len(EXCHANGE_ORDER) - 1, len(EXCHANGE_ORDER)):
        raise ValueError(
            f"it has no header and {width} columns; without a header it must have the exchange's {len(EXCHANGE_ORDER)}"
        )
    return list(EXCHANGE_ORDER[:width])


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
