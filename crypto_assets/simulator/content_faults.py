"""Faults of what is told: rows of archive and REST, lines of archive files, and the zip around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from crypto_assets.simulator.faults import (
    ContentFault,
    DuplicateRows,
    EmptyFile,
    ExtraColumn,
    MalformedRow,
    MissingColumn,
    MissingMinutes,
    Republished,
    TruncatedZip,
    UnsortedRows,
)
from crypto_assets.spans import to_us


def apply_row_faults(frame: pl.DataFrame, faults: Sequence[ContentFault]) -> pl.DataFrame:
    """The rows without those that are to be missing, and with those that are to come twice."""
    for fault in faults:
        if isinstance(fault, MissingMinutes):
            frame = frame.filter(~_inside(fault))
        elif isinstance(fault, DuplicateRows):
            frame = _repeat(frame, fault)
    return frame


def visible_until(faults: Sequence[ContentFault], start: datetime) -> datetime | None:
    """Where a file that begins at `start` and is still to be re-published ends; None for a whole one."""
    hours = [fault.first_hours for fault in faults if isinstance(fault, Republished)]
    return start + timedelta(hours=min(hours)) if hours else None


def apply_line_faults(parts: Iterable[bytes], faults: Sequence[ContentFault]) -> Iterator[bytes]:
    """The lines of a CSV, without its header, as the faults leave them; parts end with a line's end."""
    of_rows_or_zip = (MissingMinutes, DuplicateRows, Republished, TruncatedZip)
    of_lines = [fault for fault in faults if not isinstance(fault, of_rows_or_zip)]
    if not of_lines:
        yield from parts
        return
    lines = b"".join(parts).decode().splitlines()
    for fault in of_lines:
        lines = _changed(lines, fault)
    yield "".join(f"{line}\n" for line in lines).encode()


def empties(faults: Sequence[ContentFault]) -> bool:
    """Whether not even a header is to be left."""
    return any(isinstance(fault, EmptyFile) for fault in faults)


def truncate_zip(path: Path, faults: Sequence[ContentFault]) -> None:
    """Cut the end off a file where a fault says so."""
    for fault in faults:
        if isinstance(fault, TruncatedZip):
            with path.open("r+b") as file:
                file.truncate(int(path.stat().st_size * fault.keep))


def _repeat(frame: pl.DataFrame, fault: DuplicateRows) -> pl.DataFrame:
    numbered = frame.with_row_index("row")
    copies = numbered.filter(_inside(fault))
    if fault.differing:
        copies = copies.with_columns(_one_unit_more(copies[_amount_column(frame)]))
    return pl.concat([numbered, copies]).sort("row", maintain_order=True).drop("row")


def _inside(fault: MissingMinutes | DuplicateRows) -> pl.Expr:
    return pl.col("time_us").is_between(to_us(fault.start), to_us(fault.end), closed="left")


def _amount_column(frame: pl.DataFrame) -> str:
    """The price that stays within the candle: its close; of other rows the first amount."""
    return "close" if "close" in frame.columns else next(n for n, t in frame.schema.items() if t.is_decimal())


def _one_unit_more(column: pl.Series) -> pl.Series:
    """The amounts, greater by one in the last decimal."""
    scale = column.dtype.scale if isinstance(column.dtype, pl.Decimal) else 0
    step = pl.Series([f"{10**-scale:.{scale}f}"]).cast(column.dtype)
    return (column + step[0]).cast(column.dtype).alias(column.name)


def _changed(lines: list[str], fault: ContentFault) -> list[str]:
    match fault:
        case MalformedRow():
            return [_replaced(line, fault) if row == fault.row else line for row, line in enumerate(lines)]
        case ExtraColumn():
            return [f"{line},{fault.value}" if fault.row in (None, row) else line for row, line in enumerate(lines)]
        case MissingColumn():
            return [line.rpartition(",")[0] for line in lines]
        case UnsortedRows():
            return lines[::-1]
        case EmptyFile():
            return []
        case _:
            raise TypeError(f"{type(fault).__name__} does not change lines")


def _replaced(line: str, fault: MalformedRow) -> str:
    values = line.split(",")
    if fault.column is None or fault.column >= len(values):
        return fault.value
    values[fault.column] = fault.value
    return ",".join(values)
