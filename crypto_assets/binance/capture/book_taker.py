"""Book states of a recording: from partial books, and rebuilt from changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import numpy as np
import pyarrow as pa

from crypto_assets.binance.capture.local_book import LocalBook
from crypto_assets.binance.capture.messages import DepthDiff, DepthSnapshot, Framed, StreamKind
from crypto_assets.binance.capture.reading import UNREADABLE, Reading
from crypto_assets.binance.capture.rows import BookRows, Line
from crypto_assets.binance.capture.takers import Take, Taker
from crypto_assets.binance.parsed import Parsed
from crypto_assets.schemas import BOOK_LEVELS
from crypto_assets.spans import times_us

SILENCE_US = 1_000_000
"""So long a deeper stream must have said nothing before a lesser one speaks for it."""

BOOK_KINDS = (StreamKind.PARTIAL_DEPTH, StreamKind.DEPTH_DIFF, StreamKind.SHALLOW_DEPTH)
"""Streams of book states, the one to prefer first: ten levels as sent, ten levels rebuilt, five levels."""

Settle = Callable[..., None]
"""Takes a message with `known_us` and `line`."""

# Not strict: numbers stand in quotes on the wire.
_SNAPSHOT = msgspec.json.Decoder(DepthSnapshot, strict=False)
_DIFF = msgspec.json.Decoder(Framed[DepthDiff], strict=False)
_SPOT_PARTIAL = msgspec.json.Decoder(Framed[DepthSnapshot], strict=False)


class BookTaker(Taker):
    """Rows of BRONZE_ORDERBOOK, by the time they were known."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._rows = {kind: BookRows() for kind in BOOK_KINDS}
        self.local = LocalBook(market=reading.market)
        self.snapshots = 0
        """REST snapshots that the local book started from."""
        self.states_beyond_snapshot = 0
        """Rebuilt states whose levels lie partly where the snapshot did not reach."""

    @property
    def takes(self) -> Mapping[StreamKind, Take]:
        # Partial books of USD-M look like its changes, the ones of spot like a snapshot.
        take_partial = self._take_change if self._reading.market == "usdm" else self._take_spot_partial
        return {
            StreamKind.DEPTH_DIFF: partial(self._take_change, settle=self._settle_change),
            **{
                kind: partial(take_partial, settle=partial(self._settle_partial, kind=kind))
                for kind in (StreamKind.PARTIAL_DEPTH, StreamKind.SHALLOW_DEPTH)
            },
        }

    def take_snapshot(self, body: bytes, line: Line) -> None:
        """Take the answer of a REST depth request that a recorder has put among the messages."""
        try:
            snapshot = _SNAPSHOT.decode(body)
        except UNREADABLE as error:
            self._reading.reject(line, str(error), self.rejected)
        else:
            self._reading.wait(self._settle_snapshot, snapshot, event_us=line.received_us, line=line)

    def parsed(self) -> Parsed:
        """States of the best stream, by time, and of the lesser ones where it was silent."""
        best, *others = (self._rows[kind].table() for kind in BOOK_KINDS)
        for lesser in others:
            best = _with_silences_filled(best, lesser)
        return Parsed(rows=best, rejected=self.rejected.table())

    def _take_change(self, body: bytes, line: Line, *, settle: Settle) -> None:
        diff = self._reading.message(_DIFF, body, line, self.rejected)
        if diff is None:
            return
        event_us = self._reading.event_us(diff.event_time, line, self.rejected)
        if event_us is not None:
            self._reading.wait(settle, diff, event_us=event_us, line=line)

    def _take_spot_partial(self, body: bytes, line: Line, *, settle: Settle) -> None:
        state = self._reading.message(_SPOT_PARTIAL, body, line, self.rejected)
        if state is not None:
            self._reading.wait(settle, state, event_us=line.received_us, line=line)

    def _settle_change(self, diff: DepthDiff, *, known_us: int, line: Line) -> None:
        if self.local.apply(diff):
            self._add_rebuilt(known_us, line)

    def _settle_snapshot(self, snapshot: DepthSnapshot, *, known_us: int, line: Line) -> None:
        if self.local.load(snapshot):
            self.snapshots += 1
            self._add_rebuilt(known_us, line)

    def _settle_partial(self, state: DepthDiff | DepthSnapshot, *, kind: StreamKind, known_us: int, line: Line) -> None:
        if self._reading.covers(known_us):
            self._rows[kind].add(known_us, state.last_id, state.bids, state.asks, received_us=line.received_us)

    def _add_rebuilt(self, known_us: int, line: Line) -> None:
        if self._reading.covers(known_us):
            bids, asks = self.local.top(BOOK_LEVELS)
            self.states_beyond_snapshot += self.local.reaches_beyond_snapshot(BOOK_LEVELS)
            ids = self.local.last_update_id
            self._rows[StreamKind.DEPTH_DIFF].add(known_us, ids, bids, asks, received_us=line.received_us)


def _with_silences_filled(best: pa.Table, lesser: pa.Table) -> pa.Table:
    if not (best.num_rows and lesser.num_rows):
        return best if best.num_rows else lesser
    spoken, said = (np.sort(times_us(table["time"])) for table in (best, lesser))
    before = np.searchsorted(spoken, said, side="right") - 1
    silent = (before < 0) | (said - spoken[before] > SILENCE_US)
    lesser = lesser.sort_by("time").filter(pa.array(silent))
    return pa.concat_tables([best, lesser]).sort_by("time") if lesser.num_rows else best
