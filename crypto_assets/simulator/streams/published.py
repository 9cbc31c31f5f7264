"""Which trades of the spot tape have ever been sent to anybody."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict


class IdRanges:
    """A set of integers as runs without holes: small as long as most ids come in order.

    >>> ids = IdRanges()
    >>> for number in (5, 6, 9, 7):
    ...     ids.add(number)
    >>> ids.holes()
    [(8, 8)]
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    @property
    def first(self) -> int | None:
        """The smallest id."""
        return self._starts[0] if self._starts else None

    @property
    def last(self) -> int | None:
        """The greatest id."""
        return self._ends[-1] if self._ends else None

    def add(self, number: int) -> None:
        """Take an id in; one that is there changes nothing."""
        if self._ends and number == self._ends[-1] + 1:
            self._ends[-1] = number
            return
        place = bisect_right(self._starts, number)  # runs before `place` start at or before the id
        if place and number <= self._ends[place - 1]:
            return
        joins_before = place > 0 and number == self._ends[place - 1] + 1
        joins_after = place < len(self._starts) and number == self._starts[place] - 1
        if joins_before and joins_after:
            self._ends[place - 1] = self._ends.pop(place)
            del self._starts[place]
        elif joins_before:
            self._ends[place - 1] = number
        elif joins_after:
            self._starts[place] = number
        else:
            self._starts.insert(place, number)
            self._ends.insert(place, number)

    def holes(self) -> list[tuple[int, int]]:
        """Inclusive ranges of the ids between the first and the last that are not there."""
        return [(end + 1, start - 1) for end, start in zip(self._ends, self._starts[1:], strict=False)]


class Published:
    """The ids of trades that were sent, by stream; used by the event loop alone."""

    def __init__(self) -> None:
        self._ids: defaultdict[str, IdRanges] = defaultdict(IdRanges)

    def add(self, stream: str, trade_id: int) -> None:
        """A message of a stream such as `btcusdt@trade` was sent to a connection."""
        self._ids[stream].add(trade_id)

    def describe(self, symbol: str) -> dict[str, object]:
        """First and last id sent, null where there was none, and the ranges in between that nobody was sent."""
        ids = self._ids.get(f"{symbol.lower()}@trade", IdRanges())
        return {
            "symbol": symbol,
            "first_trade_id": ids.first,
            "last_trade_id": ids.last,
            "never": [list(hole) for hole in ids.holes()],
        }
