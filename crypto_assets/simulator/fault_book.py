"""The faults in force while the simulator runs, and how often each was used."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from crypto_assets.simulator.faults import ContentFault, Fault, RequestFault, Source, Target
from crypto_assets.simulator.market import Event
from crypto_assets.simulator.stream_faults import ConnectionFault, StreamFault, StreamTarget


@dataclass(slots=True)
class _Entry:
    number: int
    fault: Fault
    acted: int = 0
    ended: bool = False

    @property
    def is_spent(self) -> bool:
        if self.ended:
            return True
        times = None if isinstance(self.fault, Event) else self.fault.times
        return times is not None and self.acted >= times


@dataclass(slots=True)
class FaultBook:
    """Faults by number, safe to use from several threads."""

    touches_streams: bool = field(default=False, init=False)
    """Whether there are faults of streams; without, streams need not ask."""
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
            self._look_for_stream_faults()
            return numbers

    def remove(self, number: int | None = None) -> int:
        """Take one fault, or all of them, out of force; returns how many there were."""
        with self._lock:
            doomed = list(self._entries) if number is None else [number] if number in self._entries else []
            for key in doomed:
                del self._entries[key]
            self._look_for_stream_faults()
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
            for entry, fault in self._in_force(kind):
                if fault.matches(target):
                    entry.acted += 1
                    return fault
        return None

    def take_stream[F: StreamFault](self, kind: type[F], target: StreamTarget) -> tuple[int, F] | None:
        """Number and first fault of this kind meant for the stream, counted as used; None where there is none."""
        with self._lock:
            for entry, fault in self._in_force(kind):
                if fault.matches(target):
                    entry.acted += 1
                    return entry.number, fault
        return None

    def connection_faults(self) -> list[tuple[int, ConnectionFault]]:
        """Those in force, with their numbers; counts nothing."""
        with self._lock:
            return [(entry.number, fault) for entry, fault in self._in_force(ConnectionFault)]

    def is_in_force(self, number: int) -> bool:
        """Whether a fault is there and not yet used up."""
        with self._lock:
            return number in self._entries and not self._entries[number].is_spent

    def use(self, number: int) -> bool:
        """Count one use of a fault; whether it was still in force."""
        with self._lock:
            entry = self._entries.get(number)
            if entry is None or entry.is_spent:
                return False
            entry.acted += 1
            return True

    def end(self, number: int) -> None:
        """A fault has done all that it can; it stays in the list."""
        with self._lock:
            if number in self._entries:
                self._entries[number].ended = True

    def content_faults(self, target: Target, *, source: Source) -> tuple[ContentFault, ...]:
        """What is wrong now inside an archive file, or in rows over REST; counts nothing."""
        with self._lock:
            return tuple(fault for _, fault in self._of_content(target, source))

    def count_download(self, target: Target) -> None:
        """Count one download of an archive file against its content faults."""
        with self._lock:
            for entry, _ in self._of_content(target, "archive"):
                entry.acted += 1

    def market_events(self) -> tuple[Event, ...]:
        """Halts and crashes, in the order in which they were given."""
        with self._lock:
            return tuple(fault for _, fault in self._in_force(Event))

    def _look_for_stream_faults(self) -> None:
        self.touches_streams = any(isinstance(entry.fault, StreamFault) for entry in self._entries.values())

    def _of_content(self, target: Target, source: Source) -> list[tuple[_Entry, ContentFault]]:
        found = self._in_force(ContentFault)
        return [(e, f) for e, f in found if source in getattr(f, "sources", ("archive",)) and f.matches(target)]

    def _in_force[F](self, kind: type[F]) -> Iterator[tuple[_Entry, F]]:
        for entry in self._entries.values():
            if isinstance(entry.fault, kind) and not entry.is_spent:
                yield entry, entry.fault
