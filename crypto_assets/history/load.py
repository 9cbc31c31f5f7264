"""Fills bronze klines of any range of days from files that a person brings."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast

import polars as pl
import pyarrow as pa

from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.typed_rows import rejected_rows
from crypto_assets.convergence.delivery import Delivery, content_version, stored_rows
from crypto_assets.convergence.work import IMPORTED, PartitionWork
from crypto_assets.errors import BadPayload, InputIncomplete
from crypto_assets.history.columns import find_columns, read_klines
from crypto_assets.history.files import SOURCE, HistoryFile, Piece, read_pieces
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.schemas import BRONZE_KLINES, REJECTED, TIMEFRAMES, Dataset

Progress = Callable[[str], None]
MOST_ROWS_OF_A_DAY = 4 * 86_400
"""Of one file, which may repeat some; its rows of a day are in memory together."""


@dataclass(slots=True)
class LoadedHistory:
    """What was loaded: rows by day, and what could not be read."""

    files: int = 0
    rows: int = 0
    rejected: int = 0
    changed_days: set[date] = field(default_factory=set[date])
    """Days whose partition has other rows than before."""
    refused: dict[date, str] = field(default_factory=dict[date, str])
    """Days that stay as they are, and why: retention deleted them, and a file gives less than they had."""
    rows_by_day: dict[date, int] = field(default_factory=dict[date, int])


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """What the files hold and which part of it is wanted: days in [first_day, last_day], all where None."""

    symbol: str
    timeframe: str
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Our column names to the files', where they cannot be guessed."""
    first_day: date | None = None
    last_day: date | None = None

    def wants(self, day: date) -> bool:
        """Whether the day lies in the wanted range."""
        return (self.first_day is None or day >= self.first_day) and (self.last_day is None or day <= self.last_day)


def load_history(
    files: Sequence[HistoryFile], request: HistoryRequest, *, lake: Lake, now: datetime, progress: Progress
) -> LoadedHistory:
    """Add the rows of the files to bronze partitions, a day at a time, with source `history`.

    Loading the same files again changes nothing; a changed file replaces what it gave of the days that it holds.
    Raises BadPayload for a file that cannot be read or lacks a column; the days loaded before it stay.
    """
    loaded = LoadedHistory()
    for number, file in enumerate(files, start=1):
        _load_file(file, request, lake=lake, received_at=now, loaded=loaded)
        loaded.files = number
        progress(
            f"{number} of {len(files)} files: {file.name}; {loaded.rows:,} rows on {len(loaded.rows_by_day):,} days so "
            f"far, {loaded.rejected:,} rejected"
        )
    return loaded


def _load_file(
    file: HistoryFile, request: HistoryRequest, *, lake: Lake, received_at: datetime, loaded: LoadedHistory
) -> None:
    dataset = BRONZE_KLINES[request.timeframe]
    open_days: dict[date, list[pa.Table]] = {}
    times_written: dict[date, int] = {}

    def write(days: Sequence[date]) -> None:
        for day in sorted(days):
            rows = pa.concat_tables(open_days.pop(day)).combine_chunks()
            stored = stored_rows(rows, dataset, source=SOURCE, exchange=IMPORTED, received_at=received_at)
            # An unsorted file comes back to a day that was written: those rows are an origin of their own.
            times_written[day] = count = times_written.get(day, 0) + 1
            origin = _origin(file, count)
            version = hashlib.sha256(f"{origin} {content_version(rows)}".encode()).hexdigest()  # the name of its file
            note = f"{file.name}: {rows.num_rows:,} rows."
            delivery = Delivery(SOURCE, origin, version, stored, REJECTED.empty_table(), note)
            try:
                if _add(delivery, dataset, request.symbol, day, lake=lake):
                    loaded.changed_days.add(day)
            except InputIncomplete as error:
                loaded.refused[day] = str(error)
                continue
            loaded.rows += rows.num_rows
            loaded.rows_by_day[day] = loaded.rows_by_day.get(day, 0) + rows.num_rows

    for piece in read_pieces(file):
        parsed = _parse(piece, request, origin=file.name)
        _keep_rejected(parsed.rejected, dataset, request.symbol, received_at.date(), lake=lake)
        loaded.rejected += parsed.rejected.num_rows
        touched = _by_day(parsed.rows, request)
        for day, rows in touched.items():
            held = open_days.setdefault(day, [])
            held.append(rows)
            if sum(part.num_rows for part in held) > MOST_ROWS_OF_A_DAY:
                raise BadPayload(
                    f"{file.name} holds more than {MOST_ROWS_OF_A_DAY:,} rows of {day}, which has 86,400 seconds."
                )
        write([day for day in open_days if day not in touched])
    write(list(open_days))
    for day, count in times_written.items():
        if _drop_from(file, count + 1, dataset, request.symbol, day, lake=lake):
            loaded.changed_days.add(day)


def _origin(file: HistoryFile, count: int) -> str:
    return file.origin if count == 1 else f"{file.origin} ({count})"


def _parse(piece: Piece, request: HistoryRequest, *, origin: str) -> Parsed:
    parsed = read_klines(
        piece.frame,
        columns=find_columns(piece.frame.columns, mapping=request.columns, origin=origin),
        timeframe=TIMEFRAMES[request.timeframe],
        symbol=request.symbol,
        origin=origin,
        first_line=piece.first_line,
    )
    torn = rejected_rows(
        [(text.encode(), "has another number of columns than the header", line) for line, text in piece.torn],
        origin=origin,
    )
    return Parsed(rows=parsed.rows, rejected=pa.concat_tables([parsed.rejected, torn]))


def _by_day(rows: pa.Table, request: HistoryRequest) -> dict[date, pa.Table]:
    frame = cast("pl.DataFrame", pl.from_arrow(rows)).with_columns(_day=pl.col("open_time").dt.date())
    groups = frame.partition_by("_day", as_dict=True, include_key=False, maintain_order=True)
    return {day: part.to_arrow().cast(rows.schema) for (day,), part in groups.items() if request.wants(day)}


def _add(delivery: Delivery, dataset: Dataset, symbol: str, day: date, *, lake: Lake) -> bool:
    with lake.writing(dataset, symbol):
        work = PartitionWork(dataset, symbol, day, lake=lake, exchange=IMPORTED)
        if any(part.origin == delivery.origin and part.version == delivery.version for part in work.parts):
            return False
        work.take(delivery)
        work.check_retired()
        work.keep_answers()
        _, changed = work.publish(work.held_halts)
        return changed


def _drop_from(file: HistoryFile, count: int, dataset: Dataset, symbol: str, day: date, *, lake: Lake) -> bool:
    """Drop what a file gave of a day in more pieces than it does now, from this one on; whether there was such."""
    held = {part.origin for part in (lake.manifest(dataset, symbol, day) or Manifest()).parts}
    gone = set(itertools.takewhile(held.__contains__, (_origin(file, number) for number in itertools.count(count))))
    if not gone:
        return False
    with lake.writing(dataset, symbol):
        work = PartitionWork(dataset, symbol, day, lake=lake, exchange=IMPORTED)
        work.parts = [part for part in work.parts if part.origin not in gone]
        work.keep_answers()
        work.publish(work.held_halts)
    return True


def _keep_rejected(rejected: pa.Table, dataset: Dataset, symbol: str, day: date, *, lake: Lake) -> None:
    """Rows without a readable time have no day of their own: they lie under the day on which they were loaded."""
    if rejected.num_rows:
        lake.publish_rejected(dataset, symbol, day, rejected, version=content_version(rejected))
