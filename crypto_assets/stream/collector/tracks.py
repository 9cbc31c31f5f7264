"""Which numbers of a contiguous sequence have come: trade ids of a symbol, or candles counted from 1970."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

MOST_HOLES = 10_000  # kept; of the oldest beyond it is forgotten that its numbers, should they come late, are new


@dataclass(slots=True)
class Hole:
    """Numbers first to last, both included, that have not come."""

    first: int
    last: int
    noticed_s: float
    """When, on the monotonic clock."""
    cause: str
    since_us: int | None = None
    until_us: int | None = None
    """Times of the events beside it, where they are known."""
    planned: bool = False
    """Whether the ledger has it already."""


class Track:
    """Highest number so far, and the holes below it."""

    __slots__ = ("cause", "holes", "lowest", "next", "now_s")

    def __init__(self) -> None:
        self.next = -1
        """The number that follows the highest; -1 before the first."""
        self.lowest = -1
        """The lowest number known to have come; -1 before the first."""
        self.holes: list[Hole] = []
        self.cause = "skipped"
        """What a hole that opens now is due to."""
        self.now_s = 0.0
        """The monotonic clock as of the last tick: when a hole that opens now is noticed."""

    def admit(self, number: int, *, since_us: int | None = None, until_us: int | None = None) -> bool:
        """Take a number; False where it has come before. The times are those of the last event and of this one."""
        if self.next < 0:
            self.next = number + 1
            self.lowest = number
            return True
        if number >= self.next:
            self.expect(number, since_us=since_us, until_us=until_us)
            self.next = number + 1
            return True
        return self._fill(number)

    def expect(self, number: int, *, since_us: int | None = None, until_us: int | None = None) -> None:
        """All numbers below this one should have come: those that have not are missing. The first call begins it."""
        if self.next < 0:
            self.next = self.lowest = number
        elif self.next < number:
            self.holes.append(Hole(self.next, number - 1, self.now_s, self.cause, since_us, until_us))
            self.next = number
            if len(self.holes) > MOST_HOLES:
                del self.holes[0]

    def miss(self, hole: Hole) -> None:
        """Take numbers of the past for missing: those of an open gap of the ledger, or what a topic has lost."""
        if self.next < 0:
            self.lowest = hole.first
        self.next = max(self.next, hole.last + 1)
        kept = [part for old in self.holes for part in without(old, hole.first, hole.last)]
        self.holes = sorted([*kept, hole], key=lambda entry: entry.first)

    def take_up(self, numbers: Iterable[int], *, since_us: int | None, until_us: int | None) -> None:
        """Numbers that an earlier run delivered, before or after this one's first came: between them all is missing."""
        known = sorted(set(numbers))
        if self.lowest >= 0:
            known = [number for number in known if number < self.lowest]
        if not known:
            return
        ends = [*known[1:], self.lowest if self.lowest >= 0 else known[-1] + 1]
        for number, following in zip(known, ends, strict=True):
            if number + 1 < following:
                self.miss(Hole(number + 1, following - 1, self.now_s, "restarted", since_us, until_us))
        self.lowest = known[0]
        self.next = max(self.next, known[-1] + 1)

    def is_missing(self, number: int) -> bool:
        """Whether a number below the highest has not come."""
        return self._hole_of(number) is not None

    def missing(self, first: int, last: int) -> int:
        """How many of first to last have not come."""
        parts = [(max(h.first, first), min(h.last, last)) for h in self.holes if h.first <= last and h.last >= first]
        return sum(b - a + 1 for a, b in parts)

    def mark_planned(self, first: int, last: int) -> None:
        """The ledger has these."""
        for hole in list(self.holes):
            if hole.first <= last and hole.last >= first:
                a, b = max(hole.first, first), min(hole.last, last)
                self.miss(Hole(a, b, hole.noticed_s, hole.cause, hole.since_us, hole.until_us, planned=True))

    def _hole_of(self, number: int) -> int | None:
        index = bisect_right(self.holes, number, key=lambda hole: hole.first) - 1
        return index if index >= 0 and number <= self.holes[index].last else None

    def _fill(self, number: int) -> bool:
        index = self._hole_of(number)
        if index is None:
            return False
        self.holes[index : index + 1] = without(self.holes[index], number, number)
        return True


def without(hole: Hole, first: int, last: int) -> list[Hole]:
    """What is left of a hole once first to last have come."""
    if last < hole.first or first > hole.last:
        return [hole]
    parts = [(hole.first, first - 1), (last + 1, hole.last)]
    rest = (hole.noticed_s, hole.cause, hole.since_us, hole.until_us, hole.planned)
    return [Hole(a, b, *rest) for a, b in parts if a <= b]
