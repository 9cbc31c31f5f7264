"""The order book of one symbol, rebuilt from a snapshot and the changes after it by the exchange's documented rules."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence

from crypto_assets.binance.capture.messages import CaptureMarket, DepthDiff, DepthSnapshot, Level

RECENT_DIFFS = 2048
"""Changes kept for a snapshot that arrives after them: 200 s of a 100 ms stream, where REST answers within seconds."""

SNAPSHOT_LIMITS = frozenset({5, 10, 20, 50, 100, 500, 1000, 5000})
"""Limits of the depth request. A side with exactly so many levels was cut there."""

NO_LIMIT = float("-inf")


class LocalBook:
    """A book that is valid from a snapshot until a change is missing.

    A change covers the ids `U`..`u`. One that ends at or before the book's id is old and is ignored. Otherwise it must
    continue the book: on spot `U <= id + 1`; on USD-M, whose ids have holes, `pu <= id`. On an unbroken stream these
    are equalities. They also let a second connection's copy overlap, which is exact because quantities are absolute.
    Anything else is a break, and the book has no state until the next snapshot. Changes before a snapshot's arrival
    are kept, since REST answers late: they are applied from the snapshot's id on.
    """

    def __init__(self, *, market: CaptureMarket) -> None:
        self._ids_have_holes = market == "usdm"
        self._bids = _Side(sign=1)
        self._asks = _Side(sign=-1)
        self._recent: deque[DepthDiff] = deque(maxlen=RECENT_DIFFS)
        self.valid = False
        """Whether the book has a state."""
        self.last_update_id = -1
        """Id of the last change that it holds."""
        self.breaks = 0
        """How often a valid book was lost: a change was missing, or the best prices crossed."""
        self.snapshots_refused = 0
        """Snapshots that the changes after them did not reach back to, or that were crossed."""

    def load(self, snapshot: DepthSnapshot) -> bool:
        """Start again from a snapshot, with the recent changes after it; whether it could be used.

        A snapshot that cannot be used leaves the book as it was.
        """
        changes = self._changes_after(snapshot.last_id)
        bids, asks = _Side(sign=1, levels=snapshot.bids), _Side(sign=-1, levels=snapshot.asks)
        for change in changes or ():
            bids.change(change.bids)
            asks.change(change.asks)
        if changes is None or _crossed(bids, asks):
            self.snapshots_refused += 1
            return False
        self._bids, self._asks = bids, asks
        self.last_update_id = changes[-1].last_id if changes else snapshot.last_id
        self.valid = True
        return True

    def apply(self, change: DepthDiff) -> bool:
        """Take a change in; whether the book is valid and was moved on by it."""
        self._recent.append(change)
        if not self.valid or change.last_id <= self.last_update_id:
            return False
        if not self._continues(change, self.last_update_id):
            return self._lose()
        self._bids.change(change.bids)
        self._asks.change(change.asks)
        self.last_update_id = change.last_id
        return not _crossed(self._bids, self._asks) or self._lose()

    def top(self, levels: int) -> tuple[list[Level], list[Level]]:
        """Price and quantity of the best bids and asks, best first; fewer where the book has fewer."""
        return self._bids.top(levels), self._asks.top(levels)

    def reaches_beyond_snapshot(self, levels: int) -> bool:
        """Whether the best levels lie partly where the snapshot did not reach.

        There, orders that have not changed since the snapshot are unknown: what the book holds is true, but there
        may be more.
        """
        return self._bids.reaches_beyond(levels) or self._asks.reaches_beyond(levels)

    def _changes_after(self, last_update_id: int) -> list[DepthDiff] | None:
        """The recent changes that follow an id; None where one is missing in between."""
        changes: list[DepthDiff] = []
        held = last_update_id
        for change in self._recent:
            if change.last_id <= held:
                continue
            if not self._continues(change, held):
                return None
            changes.append(change)
            held = change.last_id
        return changes

    def _continues(self, change: DepthDiff, held: int) -> bool:
        if self._ids_have_holes:
            return change.previous_id is not None and change.previous_id <= held
        return change.first_id <= held + 1

    def _lose(self) -> bool:
        self.valid = False
        self.breaks += 1
        return False


class _Side:
    """Levels of one side by key, the price times `sign`: the best has the greatest key.

    The keys are sorted with the best at the end of the list, where most changes happen and an insertion moves little.
    """

    __slots__ = ("_keys", "_limit", "_quantities", "_sign")

    def __init__(self, *, sign: int, levels: Sequence[Level] = ()) -> None:
        self._sign = sign
        self._quantities = {sign * price: quantity for price, quantity in levels if quantity}
        self._keys = sorted(self._quantities)
        self._limit = self._keys[0] if self._keys and len(levels) in SNAPSHOT_LIMITS else NO_LIMIT

    def change(self, levels: Iterable[Level]) -> None:
        """Set the quantity of each level; 0 removes it, also where it was never there."""
        sign, quantities, keys = self._sign, self._quantities, self._keys
        for price, quantity in levels:
            key = sign * price
            if quantity:
                if key not in quantities:
                    keys.insert(bisect_left(keys, key), key)
                quantities[key] = quantity
            elif key in quantities:
                del quantities[key]
                del keys[bisect_left(keys, key)]

    def top(self, levels: int) -> list[Level]:
        sign, quantities = self._sign, self._quantities
        return [(sign * key, quantities[key]) for key in self._keys[: -levels - 1 : -1]]

    def best(self) -> float:
        """Key of the best level; -inf without one, which crosses nothing."""
        return self._keys[-1] if self._keys else float("-inf")

    def reaches_beyond(self, levels: int) -> bool:
        if self._limit == NO_LIMIT:
            return False
        return len(self._keys) < levels or self._keys[-levels] < self._limit


def _crossed(bids: _Side, asks: _Side) -> bool:
    return bids.best() >= -asks.best()
