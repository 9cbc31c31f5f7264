"""Takes the messages of a live topic that a bronze partition does not hold yet."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.binance.typed_rows import as_table, rejected_rows
from crypto_assets.convergence.delivery import content_version
from crypto_assets.convergence.duplicates import Seen
from crypto_assets.convergence.live_ranges import Ends, Range, plan_range, position_of
from crypto_assets.convergence.work import LIVE, PartitionWork
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.lake.lake import by_place
from crypto_assets.lake.manifest import Position
from crypto_assets.spans import EPOCH
from crypto_assets.stream.columns import OFFSET, Columns, Raw, read_columns
from crypto_assets.stream.feeds import FEEDS
from crypto_assets.stream.rows import days_of, kept, rows_of
from crypto_assets.stream.topics import Topic

if TYPE_CHECKING:
    from crypto_assets.stream.reader import LiveTopics
    from crypto_assets.stream.topic_states import TopicState

LOOKED_BACK = 8
"""Days before this one whose positions are looked for: Kafka keeps messages for seven."""
MOST_ROWS = 400_000
"""Rows that are collected for one file; of a dataset with few columns some 60 MB."""

log = logging.getLogger(__name__)


def drain(work: PartitionWork, live: LiveTopics, *, ends: Ends | None) -> None:
    """Write what the day's topic holds for it, and note how far it was read; `ends` says where to stop.

    Raises ServiceUnavailable where Kafka does not answer. Nothing is lost by that, or by an end at any point: what was
    written belongs to the day, and is taken, once the manifest is published.
    """
    topic = FEEDS[work.dataset.name]
    state = live.state(topic)
    if state is None:
        work.sentences.append(f"live: Kafka has no topic {topic.of(live.exchange)}.")
        return
    drained = _Drain(work, live, topic, state)
    if not work.positions and _began_later(work, live, topic, state):
        work.sentences.append(f"live: {state.name} begins after this day.")
        return
    asked = (ends or {}).get(topic.name)
    until = asked.ends if asked and asked.topic_id == state.topic_id else ()
    before = _positions_before(work)
    for partition, bounds in enumerate(state.bounds):
        held, earlier = (
            position_of(positions, topic_id=state.topic_id, partition=partition)
            for positions in (work.positions, before)
        )
        end = until[partition] if partition < len(until) else None
        drained.take(partition, plan_range(bounds, held=held, before=earlier, asked=end), held=held)
    drained.finish()


def commit(work: PartitionWork, live: LiveTopics) -> None:
    """Tell Kafka how far the day was read, for tools that show lags; where that fails, only they are wrong."""
    offsets = {p.partition: p.taken for p in work.positions}
    if offsets:
        group = f"bronze.{work.dataset.name}.{work.symbol}"
        try:
            live.commit(group, work.positions[0].topic, offsets)
        except ServiceUnavailable as error:
            log.warning("%s: what was read is not shown to Kafka's tools. %s", group, error)


def _positions_before(work: PartitionWork) -> tuple[Position, ...]:
    """Positions of the nearest day before that has some."""
    for days in range(1, LOOKED_BACK + 1):
        manifest = work.lake.manifest(work.dataset, work.symbol, work.day - timedelta(days=days))
        if manifest is not None and manifest.positions:
            return manifest.positions
    return ()


def _began_later(work: PartitionWork, live: LiveTopics, topic: Topic, state: TopicState) -> bool:
    """Whether the topic's first messages are of days so much later that a backfill need not read them all."""
    messages = live.first(state)
    columns = read_columns(topic.name, messages, symbol=work.symbol)
    first = days_of(work.dataset, columns.frame).min()
    return first is not None and (work.day - EPOCH.date()).days < first - 1  # type: ignore[operator]


@dataclass(slots=True)
class _Collected:
    """Rows for one file, and where in the partition they begin."""

    start: int
    tables: list[pa.Table] = field(default_factory=list[pa.Table])

    @property
    def rows(self) -> int:
        return sum(table.num_rows for table in self.tables)


class _Drain:
    """Reads partitions of a topic one after the other into files."""

    def __init__(self, work: PartitionWork, live: LiveTopics, topic: Topic, state: TopicState) -> None:
        self._work = work
        self._live = live
        self._topic = topic
        self._state = state
        self._day = (work.day - EPOCH.date()).days
        self._seen = Seen(work, source=LIVE)
        self._positions: list[Position] = []
        self._read = self._rows = self._rejected = self._duplicates = 0
        self._remarks: list[str] = []

    def take(self, partition: int, span: Range, *, held: Position | None) -> None:
        """Read a span of a partition."""
        later = held.later if held else None
        today = self._day
        """Day of the message before: that of one that cannot be read."""
        places: dict[str, _Collected] = {}
        start = span.start
        for end, messages in self._live.read(self._state, partition, span.start, span.end, symbol=self._work.symbol):
            columns = read_columns(self._topic.name, messages, symbol=self._work.symbol)
            self._read += len(messages)
            today = self._reject_undecodable(columns, partition, before=today)
            rows = kept(self._work.dataset, columns.frame)
            days = days_of(self._work.dataset, rows)
            beyond = rows.filter(days > self._day)
            if later is None and beyond.height:
                later = int(beyond[OFFSET][0])
            table = self._stored(rows.filter(days == self._day), messages, partition)
            touched = self._collect(table, places, start=start)
            full = [place for place, held_rows in places.items() if held_rows.rows >= MOST_ROWS]
            for place in {*full, *(places.keys() - touched)}:
                self._write(place, places.pop(place), partition, end=end)
            start = end
        for place in sorted(places):
            self._write(place, places[place], partition, end=span.end)
        self._positions.append(Position(self._state.name, self._state.topic_id, partition, span.end, later))
        if span.remark:
            self._remarks.append(f"{span.remark} (partition {partition})")

    def finish(self) -> None:
        """Note positions and counts."""
        work = self._work
        work.positions = tuple(self._positions)
        work.duplicates += self._duplicates
        remarks = "".join(f" {remark}." for remark in self._remarks)
        work.sentences.append(
            f"live: {self._read:,} messages of {self._state.name}, {self._rows:,} new rows of the day, "
            f"{self._duplicates:,} copies, {self._rejected:,} rejected.{remarks}"
        )

    def _stored(self, messages: pl.DataFrame, raw: Sequence[Raw], partition: int) -> pa.Table:
        """Rows as they are stored, without those that were seen; rejects those that cannot be read."""
        dataset = self._work.dataset
        typed = rows_of(dataset, messages)
        other = messages["symbol"] != self._work.symbol
        typed = typed.reject(pl.lit(other), pl.lit(f"the key says {self._work.symbol}, the message another symbol"))
        faulty = [(int(messages[OFFSET][index]), reason) for index, reason in typed.rejected()]
        self._reject(faulty, raw, partition)
        rows = typed.accepted().with_columns(
            exchange=pl.lit(self._live.exchange), topic=pl.lit(self._state.name), partition=pl.lit(partition, pl.Int32)
        )
        table = as_table(rows, schema=dataset.schema)
        fresh = self._seen.fresh(table)
        self._duplicates += table.num_rows - fresh.num_rows
        return fresh

    def _collect(self, table: pa.Table, places: dict[str, _Collected], *, start: int) -> set[str]:
        """Put rows to those of their place; the places that got some."""
        if not table.num_rows:
            return set()
        touched: set[str] = set()
        for place, rows in by_place(table, self._work.dataset):
            places.setdefault(place, _Collected(start)).tables.append(rows)
            touched.add(place)
        return touched

    def _write(self, place: str, collected: _Collected, partition: int, *, end: int) -> None:
        table = pa.concat_tables(collected.tables).combine_chunks()
        version = content_version(table)
        topic = hashlib.sha256(self._state.topic_id.encode()).hexdigest()[:8]
        name = f"{LIVE}-{topic}-{partition}-{collected.start}-{end}"
        if self._work.lists(f"{place}{name}.parquet"):  # offsets that Kafka gave twice
            name = f"{name}-{version[:8]}"
        origin = f"{self._state.name}/{partition} {collected.start}-{end}"
        self._work.write_live(f"{place}{name}.parquet", table, origin=origin, version=version)
        self._rows += table.num_rows

    def _reject_undecodable(self, columns: Columns, partition: int, *, before: int) -> int:
        """Reject what cannot be decoded, if its neighbours say that it is of this day; day of the last message."""
        frame = columns.frame
        days = days_of(self._work.dataset, frame).to_numpy()
        if columns.undecodable:
            offsets = frame[OFFSET].to_numpy()
            at = np.searchsorted(offsets, [raw.offset for raw, _ in columns.undecodable])
            around = np.concatenate(([before], days))[at]
            own = [bad for bad, day in zip(columns.undecodable, around, strict=True) if day == self._day]
            self._reject(
                [(raw.offset, reason) for raw, reason in own], [raw for raw, _ in columns.undecodable], partition
            )
        return int(days[-1]) if days.size else before

    def _reject(self, faulty: Sequence[tuple[int, str]], raw: Sequence[Raw], partition: int) -> None:
        if not faulty:
            return
        values = {message.offset: message.value for message in raw}
        rows = [(values[offset], reason, offset) for offset, reason in faulty]
        self._work.reject(rejected_rows(rows, origin=f"{self._state.name}/{partition} {self._state.topic_id}"))
        self._rejected += len(rows)
