"""What this machine has used of the exchange's limits, shared by all its processes through a file.

The exchange counts by address, so that two processes which each stay below the limit can break it together. Each one
books what a request costs before it sends it, and corrects the book by the header of the answer.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock

HEADROOM = 0.9  # of a limit: other programs behind the same address are not in our book
_POLL_S = 0.002  # the book is held for microseconds; filelock's own 50 ms would be the slowest part of a request


@dataclass(frozen=True, slots=True)
class Quota:
    """A number of points in windows of fixed length, aligned to the clock as the exchange's are."""

    name: str
    limit: int
    window_s: int


SPOT_WEIGHT = Quota("weight", 6000, 60)
FUTURES_WEIGHT = Quota("weight", 2400, 60)
FUNDING_REQUESTS = Quota("funding", 500, 300)
"""`/fapi/v1/fundingRate` and `fundingInfo` share it; no header tells what was used."""
STATISTICS_REQUESTS = Quota("statistics", 1000, 300)
"""All of `/futures/data/`; no header tells what was used."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request takes, and from which quota."""

    quota: Quota
    points: int = 1


class _Window(msgspec.Struct):
    number: int = -1
    used: int = 0


class _Book(msgspec.Struct):
    windows: dict[str, _Window] = {}
    limits: dict[str, int] = {}
    paused_until: float = 0.0


class SharedLimits:
    """The book of each host, in a folder that all processes of this machine share."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    def reserve(self, host: str, cost: Cost) -> float:
        """0.0, with the cost booked, where it fits; else the seconds to wait before asking again, nothing booked."""
        with self._lock(host):
            now = self._clock()
            book = self._read(host)
            if book.paused_until > now:
                return book.paused_until - now
            window = _current(book, cost.quota, now)
            limit = book.limits.get(cost.quota.name, cost.quota.limit) * HEADROOM
            if window.used and window.used + cost.points > limit:
                return (window.number + 1) * cost.quota.window_s - now
            window.used += cost.points
            self._write(host, book)
            return 0.0

    def observe(self, host: str, quota: Quota, *, used: int) -> None:
        """Correct the current window by what the exchange counted; requests still on their way stay booked."""
        with self._lock(host):
            book = self._read(host)
            window = _current(book, quota, self._clock())
            if used > window.used:
                window.used = used
                self._write(host, book)

    def pause(self, host: str, *, seconds: float) -> None:
        """Nobody asks the host for that long: it has said so by 429 or 418."""
        with self._lock(host):
            book = self._read(host)
            book.paused_until = max(book.paused_until, self._clock() + seconds)
            self._write(host, book)

    def learn(self, host: str, quota: Quota, *, limit: int) -> None:
        """Take the limit that the exchange has told instead of the default."""
        with self._lock(host):
            book = self._read(host)
            if book.limits.get(quota.name) != limit:
                book.limits[quota.name] = limit
                self._write(host, book)

    def used(self, host: str, quota: Quota) -> int:
        """Points used in the current window."""
        with self._lock(host):
            return _current(self._read(host), quota, self._clock()).used

    def _path(self, host: str) -> Path:
        return self._folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', host)}.json"

    def _lock(self, host: str) -> FileLock:
        self._folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self._path(host).with_suffix(".lock"), poll_interval=_POLL_S)

    def _read(self, host: str) -> _Book:
        try:
            return msgspec.json.decode(self._path(host).read_bytes(), type=_Book)
        except (FileNotFoundError, msgspec.DecodeError):  # a machine that lost power may leave half a file
            return _Book()

    def _write(self, host: str, book: _Book) -> None:
        self._path(host).write_bytes(msgspec.json.encode(book))


def _current(book: _Book, quota: Quota, now: float) -> _Window:
    number = math.floor(now / quota.window_s)
    window = book.windows.get(quota.name)
    if window is None or window.number != number:
        window = book.windows[quota.name] = _Window(number)
    return window
