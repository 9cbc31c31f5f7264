"""Notices what is missing, writes it into the gap ledger, and has REST asked for what REST can give."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from crypto_assets.spans import EPOCH, TIMEFRAME_US, from_us
from crypto_assets.stream.avro import encode_key
from crypto_assets.stream.collector.feed import Before
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.collector.spool import Record
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.tracks import Hole
from crypto_assets.stream.gaps import (
    REPAIRABLE,
    Gap,
    encode_gap,
    plan_kline_gaps,
    plan_lost_span,
    plan_trade_gaps,
)

GRACE_S = 3.0
"""What is missing may only be late: this long it is waited for."""


class Ledger:
    """The gaps of all streams that this run knows of."""

    def __init__(self, outlet: Outlet, sink: Sink, states: Iterable[CollectedState]) -> None:
        self.open: dict[str, Gap] = {}
        """Gaps that REST is to be asked for, by id."""
        self._outlet = outlet
        self._sink = sink
        self._states = {state.stream_key: state for state in states}

    @property
    def unentered(self) -> int:
        """Holes that may still be filled by what is late."""
        return sum(not hole.planned for state in self._states.values() for hole in state.track.holes)

    def state_of(self, gap: Gap) -> CollectedState | None:
        """The stream that a gap is in; None where it is not collected any more."""
        return self._states.get((gap.dataset, gap.symbol, gap.timeframe))

    def write(self, gap: Gap) -> None:
        """Enter a gap, or its next state."""
        if gap.state == "open":
            self.open[gap.gap_id] = gap
        else:
            self.open.pop(gap.gap_id, None)
        value = self._outlet.frame + encode_gap(gap)
        self._sink.emit(self._outlet, encode_key(gap.gap_id), value, time.time_ns() // 1_000_000)

    def take_up(self, gaps: Iterable[Gap], *, now_s: float) -> None:
        """Go on with the ledger of earlier runs: open gaps are asked for again, settled ones are not."""
        for gap in gaps:
            state = self.state_of(gap)
            if state is None or gap.dataset not in REPAIRABLE:
                continue
            first, last = numbers_of(gap)
            if gap.state == "open":
                state.track.miss(Hole(first, last, now_s, gap.cause, planned=True))
                self.open[gap.gap_id] = gap
            else:
                state.track.mark_planned(first, last)

    def notice(self, *, now: datetime, now_s: float) -> None:
        """Enter holes that nothing late has filled."""
        for state in self._states.values():
            for hole in state.track.holes:
                if not hole.planned and now_s - hole.noticed_s >= GRACE_S:
                    hole.planned = True
                    for gap in _gaps_of(state, hole, now=now):
                        self.write(gap)

    def resumed(self, before: Before) -> None:
        """A stream speaks again: enter what lies between, where nobody can give it again."""
        state = before.state
        state.track.cause = "skipped"
        if state.outlet.name in REPAIRABLE or before.received_us is None or state.received_us is None:
            return
        has_times = before.event_us != before.received_us
        start, end = (before.event_us, state.event_us) if has_times else (before.received_us, state.received_us)
        if start is None or end is None:
            return
        pace_s = state.stream.kind.pace_s
        gap = plan_lost_span(
            state.outlet.name,
            state.symbol,
            start=from_us(start),
            end=from_us(end),
            pace=None if pace_s is None else timedelta(seconds=pace_s),
            cause=before.cause,
            now=from_us(state.received_us),
        )
        if gap is not None:
            self.write(gap)

    def dropped(self, records: Iterable[Record], *, now: datetime) -> None:
        """Enter messages that were given up because the disk was full: an entry for each topic and symbol."""
        symbols = {state.key: state.symbol for state in self._states.values()}
        times_ms: dict[tuple[str, str], list[int]] = {}
        for record in records:
            place = record.topic.rpartition(".")[2], symbols.get(record.key, "")
            times_ms.setdefault(place, []).append(record.timestamp_ms)
        for place, times in times_ms.items():
            start, end = from_us(min(times) * 1000), from_us(max(times) * 1000 + 1000)
            gap = plan_lost_span(
                *place, start=start, end=end, pace=None, cause="buffer_full", now=now, messages=len(times)
            )
            assert gap is not None  # it lasts a millisecond at least, and has no pace
            self.write(gap)

    def topic_lost(self, names: Iterable[str], *, since: datetime, now: datetime) -> None:
        """A topic was deleted with all that was in it: what this run knows of it is asked for again."""
        lost = set(names)
        for state in self._states.values():
            if state.outlet.name not in lost:
                continue
            track = state.track
            if state.outlet.name in REPAIRABLE and track.lowest >= 0:
                hole = Hole(track.lowest, track.next - 1, 0.0, "kafka_lost", state.first_event_us, state.event_us)
                if hole.first <= hole.last:
                    track.miss(hole)
            else:
                gap = plan_lost_span(
                    state.outlet.name, state.symbol, start=since, end=now, pace=None, cause="kafka_lost", now=now
                )
                if gap is not None:
                    self.write(gap)


def numbers_of(gap: Gap) -> tuple[int, int]:
    """First and last trade id, or number of a candle counted from 1970, both included."""
    if gap.first_id is not None and gap.last_id is not None:
        return gap.first_id, gap.last_id
    step = timedelta(microseconds=TIMEFRAME_US[gap.timeframe or "1m"])
    return (gap.start - EPOCH) // step, (gap.end - EPOCH) // step - 1


def _gaps_of(state: CollectedState, hole: Hole, *, now: datetime) -> list[Gap]:
    if state.step_us:
        step = timedelta(microseconds=state.step_us)
        timeframe = state.stream.kind.timeframe or ""
        first, count = EPOCH + hole.first * step, hole.last - hole.first + 1
        return plan_kline_gaps(state.symbol, timeframe, first=first, count=count, step=step, cause=hole.cause, now=now)
    start = now if hole.since_us is None else from_us(hole.since_us)
    end = now if hole.until_us is None else from_us(hole.until_us)
    return plan_trade_gaps(
        state.symbol, first_id=hole.first, last_id=hole.last, start=start, end=end, cause=hole.cause, now=now
    )
