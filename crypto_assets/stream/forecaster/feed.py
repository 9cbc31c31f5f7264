"""Closed candles from the topic `klines`: from where bronze ends, so that nothing between lake and now is missing.

Partitions are assigned, not subscribed to: the lease keeps the forecaster alone. What was committed says which candles
were seen to their end; what lies before it, and after what bronze took, is read again for the history only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import polars as pl
import pyarrow as pa
from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from crypto_assets.access import kafka_options
from crypto_assets.binance.typed_rows import as_table
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.lake.manifest import Position
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.stream.avro import encode_key, unframed
from crypto_assets.stream.columns import read_columns
from crypto_assets.stream.reader import raw_of
from crypto_assets.stream.rows import kept, rows_of
from crypto_assets.stream.topic_states import TopicState
from crypto_assets.stream.topics import KLINES

ANSWER_S = 10.0
AT_ONCE = 2_000
WAIT_S = 0.1
SEEN_AGAIN = timedelta(hours=1)
"""Of a longer absence no candle is foretold any more, and bronze has them: they need not be read."""
HISTORY = timedelta(days=5)
"""Where bronze has taken nothing yet, so much of the topic is read, by the clock of this machine."""

type Positions = Sequence[tuple[str, tuple[Position, ...]]]


@dataclass(frozen=True, slots=True)
class Candles:
    """Closed candles of one symbol and timeframe, as rows of bronze."""

    symbol: str
    timeframe: str
    rows: pa.Table
    is_new: bool
    """False where they were seen to their end before."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one look at the topic brought."""

    candles: tuple[Candles, ...]
    rejected: int
    is_current: bool
    """Whether the topic was read to where it ended when the feed was opened, and nothing more waits."""


class Feed:
    """A consumer of the topic of one exchange, from a state of it on; methods raise ServiceUnavailable."""

    def __init__(
        self,
        servers: str,
        exchange: str,
        state: TopicState,
        symbols: Sequence[str],
        *,
        positions: Positions,
        now: datetime,
    ) -> None:
        self._exchange = exchange
        self._keys = {encode_key(symbol): symbol for symbol in symbols}
        self._skipped = {key: key + encode_key("1s") for key in self._keys}
        self._state = state
        self._consumer = Consumer(
            {
                **kafka_options(servers),
                "group.id": f"{exchange}.forecaster",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        try:
            self._seen = self._committed()
            self._ends = {p: high for p, (_, high) in enumerate(state.bounds)}
            self._at = self._starts(positions, now=now)
            self._consumer.assign([TopicPartition(state.name, p, offset) for p, offset in self._at.items()])
        except KafkaException as error:
            self.close()
            raise ServiceUnavailable(f"Kafka does not say where {state.name} is: {error.args[0].str()}.") from error

    @property
    def topic_id(self) -> str:
        """Kafka's id of the topic that is read; one that was deleted and made again has another."""
        return self._state.topic_id

    def take(self) -> Taken:
        """The candles of the next messages; waits for WAIT_S at most."""
        try:
            messages = self._consumer.consume(AT_ONCE, timeout=WAIT_S)
        except KafkaException as error:
            raise ServiceUnavailable(f"Kafka does not give {self._state.name}: {error.args[0].str()}.") from error
        for message in messages:
            if (failure := message.error()) is not None and not failure.retriable():
                raise ServiceUnavailable(f"Kafka does not give {self._state.name}: {failure.str()}.")
        sound = [message for message in messages if message.error() is None and message.partition() is not None]
        candles, rejected = self._sorted_out(sound)
        for message in sound:
            self._at[message.partition() or 0] = (message.offset() or 0) + 1
        reached = all(self._at[p] >= end for p, end in self._ends.items())
        return Taken(tuple(candles), rejected, reached and len(messages) < AT_ONCE)

    def commit(self) -> None:
        """Say that all that was taken has been seen to its end."""
        if self._at == self._seen:
            return
        offsets = [TopicPartition(self._state.name, p, offset) for p, offset in self._at.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise ServiceUnavailable(f"Kafka does not take offsets: {error.args[0].str()}.") from error
        self._seen = dict(self._at)

    def close(self) -> None:
        """Leave Kafka."""
        with suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def _committed(self) -> dict[int, int]:
        places = [TopicPartition(self._state.name, p) for p in range(len(self._state.bounds))]
        committed = self._consumer.committed(places, timeout=ANSWER_S)
        bounds = self._state.bounds
        # Offsets beyond the end are those of a former topic of this name.
        return {
            c.partition: c.offset if bounds[c.partition][0] <= c.offset <= bounds[c.partition][1] else -1
            for c in committed
        }

    def _starts(self, positions: Positions, *, now: datetime) -> dict[int, int]:
        """Where each partition is read from: what bronze has not taken, and what was not seen to its end lately."""
        recent, long_ago = (self._offsets_at(now - back) for back in (SEEN_AGAIN, HISTORY))
        starts: dict[int, int] = {}
        for partition, (low, high) in enumerate(self._state.bounds):
            taken = [_taken(places, self._state.topic_id, partition) for _, places in positions]
            complete = len(taken) == len(self._keys) * len(BRONZE_KLINES)
            known = [offset for offset in taken if offset is not None]
            history = min(known) if complete and len(known) == len(taken) else long_ago[partition]
            unseen = max(self._seen.get(partition, -1), recent[partition])
            starts[partition] = min(max(min(history, unseen), low), high)
        return starts

    def _offsets_at(self, moment: datetime) -> dict[int, int]:
        """The first message of each partition from a moment on; the end where there is none."""
        time_ms = int(moment.timestamp() * 1_000)
        places = [TopicPartition(self._state.name, p, time_ms) for p in range(len(self._state.bounds))]
        found = self._consumer.offsets_for_times(places, timeout=ANSWER_S)
        ends = {p: high for p, (_, high) in enumerate(self._state.bounds)}
        return {f.partition: ends[f.partition] if f.offset in (OFFSET_END, -1) else f.offset for f in found}

    def _sorted_out(self, messages: Iterable[Message]) -> tuple[list[Candles], int]:
        """Closed candles of the symbols, in the order of their offsets, and how many messages could not be read."""
        found: list[Candles] = []
        rejected = 0
        wanted = [message for message in messages if self._is_wanted(message)]
        wanted.sort(key=lambda m: (m.partition() or 0, m.key() or b""))  # the order of a symbol's stays
        for (partition, key), group in groupby(wanted, key=lambda m: (m.partition() or 0, m.key() or b"")):
            symbol = self._keys[key]
            columns = read_columns(KLINES.name, [raw_of(message) for message in group], symbol=symbol)
            rejected += len(columns.undecodable)
            for is_new, part in _parted(columns.frame, at=self._seen.get(partition, -1)):
                closed = part.filter("closed")
                for timeframe in BRONZE_KLINES if closed.height else ():
                    rows, faulty = self._rows(closed, timeframe, symbol=symbol, partition=partition)
                    rejected += faulty
                    if rows.num_rows:
                        found.append(Candles(symbol, timeframe, rows, is_new))
        return found, rejected

    def _is_wanted(self, message: Message) -> bool:
        """Whether it may be a candle of the symbols that features read; those of a second are most of all."""
        key, value = message.key(), message.value()
        return (
            isinstance(key, bytes)
            and key in self._keys
            and value is not None
            and not unframed(value).startswith(self._skipped[key])
        )

    def _rows(self, frame: pl.DataFrame, timeframe: str, *, symbol: str, partition: int) -> tuple[pa.Table, int]:
        dataset = BRONZE_KLINES[timeframe]
        messages = kept(dataset, frame.filter(pl.col("symbol") == symbol))
        typed = rows_of(dataset, messages)
        places = {"exchange": pl.lit(self._exchange), "topic": pl.lit(self._state.name)}
        rows = typed.accepted().with_columns(**places, partition=pl.lit(partition, pl.Int32))
        return as_table(rows, schema=dataset.schema), len(typed.rejected())


def _taken(places: Sequence[Position], topic_id: str, partition: int) -> int | None:
    """Up to where bronze has read a partition of this very topic."""
    return next((p.taken for p in places if (p.topic_id, p.partition) == (topic_id, partition)), None)


def _parted(frame: pl.DataFrame, *, at: int) -> Iterator[tuple[bool, pl.DataFrame]]:
    """Messages that were seen before, and those that are new."""
    is_new = frame["offset"] >= at
    for value in (False, True):
        part = frame.filter(is_new if value else ~is_new)
        if part.height:
            yield value, part
