"""A month of the archive as days: each a zip of its own that holds the month's lines as they were."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.binance.archive_zip import read_blocks
from crypto_assets.binance.csv_rows import blank_head, line_bounds
from crypto_assets.spans import DAY_US

EPOCH = date(1970, 1, 1)
_STAMP = (1980, 1, 1, 0, 0, 0)  # the same lines are the same bytes, whenever they are split
_MILLISECOND_DIGITS, _MICROSECOND_DIGITS = 13, 16
_POWERS = 10 ** np.arange(_MICROSECOND_DIGITS - 1, -1, -1, dtype=np.int64)


def split_month(path: Path, month: ArchiveFile, *, days: Collection[date]) -> dict[date, bytes]:
    """Zips of those of the `days` that the month's candles at `path` have lines of; the same lines, the same bytes.

    A line is of the day of its open time, in milliseconds or microseconds as its size tells. One that begins with no
    such time, or with one outside the month, goes with the line before it (the first ones with the month's first day):
    whoever reads the day rejects it, with its bytes and the reason. Raises BadPayload for what is no zip of one CSV.
    """
    first, last = month.span.start.date(), month.span.end.date() - timedelta(days=1)
    writers: dict[date, _DayWriter] = {}
    day = first
    header = b""
    for block in read_blocks(path):
        lines = block
        if not writers and not header:
            lines = lines[blank_head(lines) :]
            if lines[:1].isalpha():
                end = lines.find(b"\n") + 1 or len(lines)
                header, lines = lines[:end], lines[end:]
        for current, text in _runs(lines, first=first, last=last, before=day):
            day = current
            if day in days:
                if day not in writers:
                    writers[day] = _DayWriter(replace(month, period=day), header)
                writers[day].write(text)
    return {day: writer.close() for day, writer in sorted(writers.items())}


class _DayWriter:
    """One zip in memory, as large as it is packed."""

    def __init__(self, file: ArchiveFile, header: bytes) -> None:
        self._sink = io.BytesIO()
        self._zip = zipfile.ZipFile(self._sink, "w")
        member = zipfile.ZipInfo(f"{Path(file.name).stem}.csv", _STAMP)
        member.compress_type = zipfile.ZIP_DEFLATED
        member.create_system = 3  # as on Unix, whatever writes it
        member.external_attr = 0o100644 << 16
        self._stream = self._zip.open(member, "w")
        self._stream.write(header)

    def write(self, text: bytes) -> None:
        self._stream.write(text)

    def close(self) -> bytes:
        self._stream.close()
        self._zip.close()
        return self._sink.getvalue()


def _runs(block: bytes, *, first: date, last: date, before: date) -> Iterator[tuple[date, bytes]]:
    """Runs of lines of one day, in the order of the block."""
    starts, _ = line_bounds(block)
    if not starts.size:
        return
    days = _days_of_lines(block, starts)
    days[(days < (first - EPOCH).days) | (days > (last - EPOCH).days)] = -1
    days = _carried_on(days, before=(before - EPOCH).days)
    changes = np.flatnonzero(np.diff(days)) + 1
    edges = np.append(starts, len(block))
    for low, high in zip(np.append(0, changes), np.append(changes, days.size), strict=True):
        yield EPOCH + timedelta(days=int(days[low])), block[edges[low] : edges[high]]


def _days_of_lines(block: bytes, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Day of each line since 1970 by its first field, -1 where that is no time."""
    padded = np.frombuffer(block + b"\n" * (_MICROSECOND_DIGITS + 1), np.uint8)
    fields = padded[starts[:, None] + np.arange(_MICROSECOND_DIGITS + 1)]
    is_digit = (fields >= ord("0")) & (fields <= ord("9"))
    digits = np.where(is_digit, fields - ord("0"), 0).astype(np.int64)
    days = np.full(starts.size, -1, np.int64)
    for width, unit_us in ((_MILLISECOND_DIGITS, 1000), (_MICROSECOND_DIGITS, 1)):
        ends_there = is_digit[:, :width].all(axis=1) & (fields[:, width] == ord(","))
        times = digits[:, :width] @ _POWERS[-width:]
        days[ends_there] = times[ends_there] * unit_us // DAY_US
    return days


def _carried_on(days: npt.NDArray[np.int64], *, before: int) -> npt.NDArray[np.int64]:
    """The days, with that of the line before in the place of -1."""
    places = np.where(days >= 0, np.arange(days.size), -1)
    latest = np.maximum.accumulate(places)
    return np.where(latest < 0, before, days[latest])
