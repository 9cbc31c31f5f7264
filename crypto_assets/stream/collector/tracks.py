"""Which numbers of a contiguous sequence have come: trade ids of a symbol, or candles counted from 1970."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

MOST_HOLES = 10_000  # kept; beyond it the oldest are forgotten, which costs a late number its dedication as new


@dataclass(slots=True)
class Hole:
    """Numbers first to last, both included, that have not come."""

    first: int
    last: int
    noticed_s: float
    """When, on the monotonic clock."""
    cause: str
    planned: bool = False
    """Whether the ledger has it already."""


class Track:
    """Highest number so far, and the holes below it."""

    __slots__ = ("cause", "holes", "lowest", "next", "now_s")

    def __init__(self) -> None:
        self.next = -1
        """The number that follows the highest; -1 before the first."""
        self.lowest: int | None = None
        """The lowest number known to have come."""
        self.holes: list[Hole] = []
        self.cause = "restarted"
        """What a hole that opens now is due to."""
        self.now_s = 0.0
        """The monotonic clock as of the last tick: when a hole that opens now was noticed."""

    def admit(self, number: int) -> bool:
        """Take a number; False where it has come before."""
        if self.next < 0:
            self.next, self.lowest = number + 1, number
            return True
        if number >= self.next:
            self.expect(number)
            self.next = number + 1
            return True
        return self._fill(number)

    def expect(self, number: int) -> None:
        """All numbers below this one should have come: those that have not are missing."""
        if 0 <= self.next < number:
            self.holes.append(Hole(self.next, number - 1, self.now_s, self.cause))
            self.next = number
            if len(self.holes) > MOST_HOLES:
                del self.holes[0]

    def miss(self, first: int, last: int, *, cause: str, planned: bool) -> None:
        """Numbers of the past that are known to be missing, such as those of an open gap of the ledger."""
        if self.next < 0:
            self.next, self.lowest = last + 1, first
        self.next = max(self.next, last + 1)
        self.holes = [part for hole in self.holes for part in _without(hole, first, last)]
        self.holes.append(Hole(first, last, self.now_s, cause, planned))
        self.holes.sort(key=lambda hole: hole.first)

    def is_missing(self, number: int) -> bool:
        """Whether a number below the highest has not come."""
        index = bisect_right(self.holes, number, key=lambda hole: hole.first) - 1
        return index >= 0 and number <= self.holes[index].last

    def _fill(self, number: int) -> bool:
        index = bisect_right(self.holes, number, key=lambda hole: hole.first) - 1
        if index < 0 or number > self.holes[index].last:
            return False
        hole = self.holes[index]
        self.holes[index : index + 1] = _without(hole, number, number)
        return True


def _without(hole: Hole, first: int, last: int) -> list[Hole]:
    """What is left of a hole once first to last have come."""
    if last < hole.first or first > hole.last:
        return [hole]
    parts = [(hole.first, first - 1), (last + 1, hole.last)]
    return [Hole(a, b, hole.noticed_s, hole.cause, hole.planned) for a, b in parts if a <= b]
