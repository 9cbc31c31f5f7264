"""Faults of whole archive files: their lines, and the zip around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

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
