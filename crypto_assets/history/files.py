"""Finds kline files below a URI and reads them piece by piece, in bounded memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from crypto_assets.errors import BadPayload, InputIncomplete
from crypto_assets.history.columns import EXCHANGE_ORDER
from crypto_assets.lake.files import filesystem_of

CSV_SUFFIXES = (".csv", ".csv.gz", ".zip")
PARQUET_SUFFIXES = (".parquet", ".pq")
BLOCK_BYTES = 16 << 20
BATCH_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """One file: how to open it, and its name without credentials."""

    fs: Any
    path: str

    @property
    def name(self) -> str:
        """Last part of the path: what rows name as their origin."""
        return self.path.rpartition("/")[2]


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
        with _opened(file) as opened:
            if file.path.endswith(PARQUET_SUFFIXES):
                yield from _parquet_pieces(opened)
            else:
                yield from _csv_pieces(opened)
    except (pa.ArrowInvalid, EOFError, ValueError) as error:
        raise BadPayload(f"{file.name} cannot be read: {error}") from error


@contextmanager
def _opened(file: HistoryFile) -> Generator[BinaryIO]:
    with file.fs.open(file.path, "rb", compression="infer") as opened:
        yield opened


def _parquet_pieces(opened: BinaryIO) -> Iterator[Piece]:
    line = 1
    for batch in pq.ParquetFile(opened).iter_batches(batch_size=BATCH_ROWS):
        frame = cast("pl.DataFrame", pl.from_arrow(batch))
        yield Piece(frame, line)
        line += frame.height


def _csv_pieces(opened: BinaryIO) -> Iterator[Piece]:
    """Every value as text, so that no digit is lost before it is looked at."""
    head = opened.readline()
    if not head.strip():
        raise ValueError("it is empty")
    first = head.decode("utf-8-sig", errors="replace").strip()
    has_header = not first[:1].isdigit()
    width = first.count(",") + 1
    names = [name.strip().strip('"') for name in first.split(",")] if has_header else _exchange_names(width)
    torn: list[tuple[int, str]] = []

    def keep_torn(row: Any) -> str:
        torn.append((row.number or 0, row.text))
        return "skip"

    opened.seek(0)
    reader = pacsv.open_csv(
        opened,
        read_options=pacsv.ReadOptions(
            block_size=BLOCK_BYTES, column_names=names, skip_rows=int(has_header), use_threads=False
        ),
        parse_options=pacsv.ParseOptions(invalid_row_handler=keep_torn),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    line = 1 + int(has_header)
    for batch in reader:
        frame = cast("pl.DataFrame", pl.from_arrow(batch))
        yield Piece(frame, line, tuple(torn))
        line += frame.height + len(torn)
        torn.clear()


def _exchange_names(width: int) -> list[str]:
    if width not in (len(EXCHANGE_ORDER) - 1, len(EXCHANGE_ORDER)):
        raise ValueError(
            f"it has no header and {width} columns; without a header it must have the exchange's {len(EXCHANGE_ORDER)}"
        )
    return list(EXCHANGE_ORDER[:width])
