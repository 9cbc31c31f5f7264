"""The faults in force while the simulator runs, and how often each was used."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from crypto_assets.simulator.faults import (
    ContentFault,
    Fault,
    FlashCrash,
    Halt,
    MarketEvent,
    RequestFault,
    Source,
    Target,
)


@dataclass(slots=True)
class _Entry:
    number: int
    fault: Fault
    acted: int = 0

    @property
    def is_spent(self) -> bool:
        times = None if isinstance(self.fault, Halt | FlashCrash) else self.fault.times
        return times is not None and self.acted >= times


@dataclass(slots=True)
class FaultBook:
    """Faults by number, safe to use from several threads."""

    _entries: dict[int, _Entry] = field(default_factory=dict, init=False)
    _next_number: int = field(default=1, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def add(self, faults: Iterable[Fault]) -> list[int]:
        """Put faults into force; returns the number of each."""
        with self._lock:
            numbers = []
            for fault in faults:
                self._entries[self._next_number] = _Entry(self._next_number, fault)
                numbers.append(self._next_number)
                self._next_number += 1
            return numbers

    def remove(self, number: int | None = None) -> int:
        """Take one fault, or all of them, out of force; returns how many there were."""
        with self._lock:
            doomed = list(self._entries) if number is None else [number] if number in self._entries else []
            for key in doomed:
                del self._entries[key]
            return len(doomed)

    def describe(self) -> list[dict[str, object]]:
        """All faults with their number and how many requests each acted on."""
        with self._lock:
            return [
                {"id": entry.number, "acted": entry.acted, "fault": msgspec.to_builtins(entry.fault)}
                for entry in self._entries.values()
            ]

    def take[F: RequestFault](self, kind: type[F], target: Target) -> F | None:
        """The first fault of this kind meant for the request, counted as used; None where there is none."""
        with self._lock:
            for entry in self._entries.values():
                fault = entry.fault
                if isinstance(fault, kind) and not entry.is_spent and fault.matches(target):
                    entry.acted += 1
                    return fault
        return None

    def content_faults(self, target: Target, *, source: Source) -> tuple[ContentFault, ...]:
        """What is wrong now inside an archive file, or in rows over REST; counts nothing."""
        with self._lock:
            return tuple(fault for _, fault in self._in_force(target, source))

    def count_download(self, target: Target) -> None:
        """Count one download of an archive file against its content faults."""
        with self._lock:
            for entry, _ in list(self._in_force(target, "archive")):
                entry.acted += 1

    def market_events(self) -> tuple[MarketEvent, ...]:
        """Halts and crashes, in the order in which they were given."""
        with self._lock:
            return tuple(e.fault for e in self._entries.values() if isinstance(e.fault, Halt | FlashCrash))

    def _in_force(self, target: Target, source: Source) -> Iterator[tuple[_Entry, ContentFault]]:
        for entry in self._entries.values():
            fault = entry.fault
            if not isinstance(fault, ContentFault) or entry.is_spent or not fault.matches(target):
                continue
            if source in getattr(fault, "sources", ("archive",)):
                yield entry, fault
