"""Messages kept on disk while Kafka is away: segment files, safe against a kill, given back in their order.

Each lane has its own segments, so that the messages which may be dropped when the disk budget is full can be dropped
oldest first without touching those which may not. All messages of a topic are in one lane: their order is kept.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from io import BufferedWriter
from pathlib import Path
from typing import Self

import msgspec

SEGMENT_BYTES = 4 << 20
_HEADER = struct.Struct("<II")  # length of the body, its CRC-32
_MIDDLE = 500_000_000_000  # first segment number: what failed on its way to Kafka is put before it, what comes, after


class Lane(IntEnum):
    """What is dropped first has the highest number."""

    KEPT = 0
    """Trades, candles, marks, liquidations, ledger: never dropped."""
    CHANGES = 1
    """Tickers, best prices, changes of books."""
    BOOKS = 2
    """Order-book snapshots, of which the next one is complete again."""


class Record(msgspec.Struct, array_like=True, gc=False):
    """One message on its way to Kafka."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int
    fingerprint: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class Spool:
    """The segments of all lanes in a folder, within a budget of bytes; to be opened before anything is kept."""

    def __init__(self, folder: Path, *, budget: int) -> None:
        self.bytes = 0
        self._folder = folder
        self._budget = budget
        self._segment_bytes = max(1 << 16, min(SEGMENT_BYTES, budget // 32))
        self._open: dict[Lane, tuple[Path, BufferedWriter]] = {}
        self._sizes: dict[Path, int] = {}
        self._first = dict.fromkeys(Lane, _MIDDLE)
        self._last = dict.fromkeys(Lane, _MIDDLE)

    def open(self) -> Self:
        """Take up what earlier runs left; not before this run is the only one that writes into the folder."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for retired in self._folder.glob("*.retired"):  # handed over just before a kill: Kafka may have it, or not
            retired.rename(retired.with_suffix(".spool"))
        self._sizes = {path: path.stat().st_size for path in sorted(self._folder.glob("*.spool"))}
        for path in self._sizes:
            lane, number = _lane_of(path), _number_of(path)
            self._first[lane], self._last[lane] = min(self._first[lane], number), max(self._last[lane], number)
        self.bytes = sum(self._sizes.values())
        return self

    @property
    def is_full(self) -> bool:
        """Whether it is over its budget."""
        return self.bytes > self._budget

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._sizes

    def append(self, lane: Lane, record: Record) -> None:
        """Keep a message behind all of its lane."""
        path, file = self._open.get(lane) or self._begin(lane, after=True)
        self._write(path, file, record)
        if self._sizes[path] >= self._segment_bytes:
            self.seal(lane)

    def prepend(self, lane: Lane, records: list[Record]) -> None:
        """Keep messages, in their order, before all of their lane."""
        if records:
            path, file = self._begin(lane, after=False)
            for record in records:
                self._write(path, file, record)
            file.close()

    def flush(self) -> None:
        """Hand everything to the operating system: from here on a kill of this process loses none of it."""
        for _, file in self._open.values():
            file.flush()

    def seal(self, lane: Lane) -> None:
        """End the lane's newest segment; the next message begins another."""
        if lane in self._open:
            self._open.pop(lane)[1].close()

    def oldest(self, lane: Lane) -> Path | None:
        """The lane's first segment, sealed; None where it has none."""
        path = min((path for path in self._sizes if _lane_of(path) == lane), default=None)
        if path is not None and lane in self._open and self._open[lane][0] == path:
            self.seal(lane)
        return path

    def read(self, path: Path) -> Iterator[Record]:
        """Messages of a sealed segment; it ends where a kill cut it."""
        if path not in self._sizes:
            return
        with path.open("rb") as file:
            while len(header := file.read(_HEADER.size)) == _HEADER.size:
                size, checksum = _HEADER.unpack(header)
                body = file.read(size)
                if len(body) < size or zlib.crc32(body) != checksum:
                    return
                yield _decode(body)

    def segments(self, lane: Lane) -> list[Path]:
        """The lane's segments of now, oldest first, sealed; those that are dropped meanwhile read as empty."""
        self.seal(lane)
        return sorted(path for path in self._sizes if _lane_of(path) == lane)

    def retire(self, path: Path) -> Path:
        """Take a segment out without deleting it, and say where it is: if this process is killed, it counts again."""
        self.bytes -= self._sizes.pop(path)
        return path.rename(path.with_suffix(".retired"))

    def remove(self, path: Path) -> None:
        """Forget a segment that was delivered or given up."""
        self.bytes -= self._sizes.pop(path, 0)
        path.unlink(missing_ok=True)

    def droppable(self) -> Path | None:
        """The segment to give up when the budget is full: of books the oldest, else of what changes, else none."""
        return self.oldest(Lane.BOOKS) or self.oldest(Lane.CHANGES)

    def close(self) -> None:
        """Flush and close."""
        for lane in list(self._open):
            self.seal(lane)

    def _begin(self, lane: Lane, *, after: bool) -> tuple[Path, BufferedWriter]:
        ends, step = (self._last, 1) if after else (self._first, -1)
        number = ends[lane] = ends[lane] + step  # none is given twice: that of a retired segment may come back
        path = self._folder / f"{lane.value}-{number:012d}.spool"
        file = path.open("xb")
        self._sizes[path] = 0
        if after:
            self._open[lane] = (path, file)
        return path, file

    def _write(self, path: Path, file: BufferedWriter, record: Record) -> None:
        body = _encode(record)
        file.write(_HEADER.pack(len(body), zlib.crc32(body)))
        file.write(body)
        self._sizes[path] += _HEADER.size + len(body)
        self.bytes += _HEADER.size + len(body)


def _lane_of(path: Path) -> Lane:
    return Lane(int(path.name[0]))


def _number_of(path: Path) -> int:
    return int(path.stem[2:])
