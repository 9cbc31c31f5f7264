"""Reads spans of offsets of the live topics, for a batch: no subscription, no group that is rebalanced."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # pyright: ignore[reportPrivateImportUsage]
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from crypto_assets.access import kafka_options, refused_or
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode_key
from crypto_assets.stream.columns import Raw
from crypto_assets.stream.consuming import header_pairs
from crypto_assets.stream.topics import Topic

CHUNK_OFFSETS = 10_000
"""Offsets that are looked at at once: order books of so many messages are 6 MB, and several times that as a table."""
ANSWER_S = 5.0
"""Kafka on the same network answers in milliseconds; a sensor has 60 s in all."""
SILENCE_S = 20.0
AWAY_S = 30.0
"""After Kafka did not answer, so long it is not asked again: a backfill of a thousand days does not wait for each."""
_PEEKED = 50
_BATCH = 5_000
_PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class TopicState:
    """What Kafka holds of a topic."""

    name: str
    topic_id: str
    """Kafka's own id: a topic that was deleted and created again has another."""
    bounds: tuple[tuple[int, int], ...]
    """By partition: offset of the first message that is kept, and the one that the next message will get."""

    @property
    def ends(self) -> tuple[int, ...]:
        """By partition: the offset that the next message will get."""
        return tuple(high for _, high in self.bounds)


class LiveTopics:
    """Topics of one exchange. All methods raise ServiceUnavailable where Kafka does not answer in time."""

    def __init__(self, servers: str, exchange: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.servers = servers
        self.exchange = exchange
        self._clock = clock
        self._away_until = float("-inf")
        self._lock = RLock()
        self._consumer: Consumer | None = None
        self._admin: AdminClient | None = None
        self._first: dict[str, list[Raw]] = {}

    def states(self, topics: Sequence[Topic]) -> dict[str, TopicState]:
        """What Kafka holds of those of the topics that exist, by `Topic.name`."""
        with self._asking():
            return self._states({topic.of(self.exchange): topic.name for topic in topics})

    def state(self, topic: Topic) -> TopicState | None:
        """What Kafka holds of a topic; None where it does not exist."""
        return self.states([topic]).get(topic.name)

    def read(
        self, state: TopicState, partition: int, start: int, end: int, *, symbol: str
    ) -> Iterator[tuple[int, list[Raw]]]:
        """Messages of a symbol with offsets in [start, end), CHUNK_OFFSETS offsets at a time.

        Each piece comes with the offset where it ends, so that the pieces of a span are always the same.
        """
        key, chunk = encode_key(symbol), []
        until = min(start + CHUNK_OFFSETS, end)
        for message in self._messages(state.name, partition, start, end):
            offset, value = _offset_of(message), message.value()
            while offset >= until:
                yield until, chunk
                chunk, until = [], min(until + CHUNK_OFFSETS, end)
            if message.key() == key and value is not None:
                chunk.append(Raw(offset, value, _fingerprint(message)))
        while until < end:
            yield until, chunk
            chunk, until = [], min(until + CHUNK_OFFSETS, end)
        if start < end:
            yield end, chunk

    def first(self, state: TopicState) -> list[Raw]:
        """Some of the oldest messages that each partition held when it was first asked, of any symbol."""
        if state.topic_id in self._first:
            return self._first[state.topic_id]
        found: list[Raw] = []
        for partition, (low, high) in enumerate(state.bounds):
            messages = self._messages(state.name, partition, low, min(low + _PEEKED, high))
            found += [
                Raw(_offset_of(message), value, _fingerprint(message))
                for message in messages
                if (value := message.value()) is not None
            ]
        if found:
            self._first[state.topic_id] = found
        return found

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Say how far a group has read, by partition, so that tools can show its lag; nothing here reads it."""
        with self._asking():
            places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
            asked = self._administrator().alter_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, places)], request_timeout=ANSWER_S
            )
            for future in asked.values():
                future.result()

    def close(self) -> None:
        """Leave Kafka."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    @retry(
        retry=retry_if_exception(lambda error: isinstance(error, KafkaException) and _has_no_leader_yet(error)),
        stop=stop_after_delay(ANSWER_S),
        wait=wait_fixed(0.1),
        reraise=True,
    )
    def _states(self, names: Mapping[str, str]) -> dict[str, TopicState]:
        described = self._described(list(names))
        places = [TopicPartition(name, p) for name, (_, count) in described.items() for p in range(count)]
        lows, highs = self._offsets(places, OffsetSpec.earliest()), self._offsets(places, OffsetSpec.latest())
        return {
            names[name]: TopicState(name, topic_id, tuple((lows[name, p], highs[name, p]) for p in range(count)))
            for name, (topic_id, count) in described.items()
        }

    def _messages(self, topic: str, partition: int, start: int, end: int) -> Iterator[Message]:
        """Messages of [start, end), which may have holes."""
        if start >= end:
            return
        with self._lock, self._asking():
            consumer = self._reader()
            consumer.assign([TopicPartition(topic, partition, start)])
            try:
                heard, position = self._clock(), start
                while position < end:
                    # Not more than there are: it waits until it has them all.
                    batch = consumer.consume(min(_BATCH, end - position), timeout=_PATIENCE_S)
                    for message in batch:
                        if (error := message.error()) is not None:
                            if error.code() == KafkaError._PARTITION_EOF:
                                return
                            raise KafkaException(error)
                        position = _offset_of(message) + 1
                        if position <= end:
                            yield message
                    if batch:
                        heard = self._clock()
                    elif self._clock() - heard > SILENCE_S:
                        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            finally:
                consumer.unassign()

    def _described(self, names: list[str]) -> dict[str, tuple[str, int]]:
        """Id and number of partitions of the topics that exist."""
        asked = self._administrator().describe_topics(TopicCollection(names), request_timeout=ANSWER_S)
        found: dict[str, tuple[str, int]] = {}
        for name, future in asked.items():
            try:
                described = future.result()
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    continue
                raise
            found[name] = str(described.topic_id), len(described.partitions)
        return found

    def _offsets(self, places: Sequence[TopicPartition], which: OffsetSpec | None) -> dict[tuple[str, int], int]:
        if not places:
            return {}
        assert which is not None  # as the library's own annotations have it
        asked = self._administrator().list_offsets(dict.fromkeys(places, which), request_timeout=ANSWER_S)
        return {(place.topic, place.partition): future.result().offset for place, future in asked.items()}

    def _administrator(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({**self._options(), "socket.timeout.ms": int(ANSWER_S * 1000)})
        return self._admin

    def _reader(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(
                {
                    **self._options(),
                    "group.id": "bronze",  # asked for by the library; nothing is committed under it
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "auto.offset.reset": "error",
                    "queued.max.messages.kbytes": 16_384,
                    "fetch.wait.max.ms": 50,
                }
            )
        return self._consumer

    def _options(self) -> dict[str, Any]:
        return kafka_options(self.servers)

    @contextmanager
    def _asking(self) -> Generator[None]:
        if self._clock() < self._away_until:
            raise ServiceUnavailable(self._away("did not answer a moment ago"))
        try:
            yield
        except KafkaException as error:
            self._away_until = self._clock() + AWAY_S
            raise ServiceUnavailable(self._away(f"does not answer ({self._reason(error)})")) from error

    def _reason(self, error: KafkaException) -> str:
        return refused_or(self.servers, error.args[0].str()).rstrip(".")

    def _away(self, what: str) -> str:
        return f"Kafka at {self.servers} {what}. Its messages wait there. See `make status`."


def _has_no_leader_yet(error: KafkaException) -> bool:
    """Whether a topic was made, or its broker came back, a moment ago."""
    return error.args[0].code() in (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


def _offset_of(message: Message) -> int:
    offset = message.offset()
    return OFFSET_INVALID if offset is None else offset


def _fingerprint(message: Message) -> bytes | None:
    return next((bytes(v) for k, v in header_pairs(message) if k == FINGERPRINT_HEADER and isinstance(v, bytes)), None)
