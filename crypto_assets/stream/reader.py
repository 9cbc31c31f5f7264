"""Reads spans of offsets of the live topics, for a batch: no subscription, no group that is rebalanced."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from crypto_assets.access import kafka_options, refused_or
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream.avro import encode_key, written_with
from crypto_assets.stream.columns import Raw
from crypto_assets.stream.consuming import header_pairs
from crypto_assets.stream.topic_states import ANSWER_S, TopicState, read_states
from crypto_assets.stream.topics import Topic

CHUNK_OFFSETS = 10_000
"""Offsets that are looked at at once: order books of so many messages are 6 MB, and several times that as a table."""
SILENCE_S = 20.0
AWAY_S = 30.0
"""After Kafka did not answer, so long it is not asked again: a backfill of a thousand days does not wait for each."""
_PEEKED = 50
_BATCH = 5_000
_PATIENCE_S = 0.5


class LiveTopics:
    """Topics of one exchange. All methods raise ServiceUnavailable where Kafka does not answer in time."""

    def __init__(self, servers: str, exchange: str) -> None:
        self.servers = servers
        self.exchange = exchange
        self._away_until = float("-inf")
        self._lock = RLock()
        self._consumer: Consumer | None = None
        self._admin: AdminClient | None = None
        self._first: dict[str, list[Raw]] = {}

    def states(self, topics: Sequence[Topic]) -> dict[str, TopicState]:
        """What Kafka holds of those of the topics that exist, by `Topic.name`."""
        with self._asking():
            found = read_states(self._administrator(), [topic.of(self.exchange) for topic in topics])
        return {topic.name: found[name] for topic in topics if (name := topic.of(self.exchange)) in found}

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
            offset = _offset_of(message)
            while offset >= until:
                yield until, chunk
                chunk, until = [], min(until + CHUNK_OFFSETS, end)
            if message.key() == key and message.value() is not None:
                chunk.append(raw_of(message))
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
            found += [raw_of(message) for message in messages if message.value() is not None]
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

    def _messages(self, topic: str, partition: int, start: int, end: int) -> Iterator[Message]:
        """Messages of [start, end), which may have holes."""
        if start >= end:
            return
        with self._lock, self._asking():
            consumer = self._reader()
            consumer.assign([TopicPartition(topic, partition, start)])
            try:
                heard, position = time.monotonic(), start
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
                        heard = time.monotonic()
                    elif time.monotonic() - heard > SILENCE_S:
                        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            finally:
                consumer.unassign()

    def _administrator(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({**kafka_options(self.servers), "socket.timeout.ms": int(ANSWER_S * 1000)})
        return self._admin

    def _reader(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(
                {
                    **kafka_options(self.servers),
                    "group.id": "bronze",  # asked for by the library; nothing is committed under it
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "auto.offset.reset": "error",
                    "queued.max.messages.kbytes": 16_384,
                    "fetch.wait.max.ms": 50,
                }
            )
        return self._consumer

    @contextmanager
    def _asking(self) -> Generator[None]:
        if time.monotonic() < self._away_until:
            raise ServiceUnavailable(self._away("did not answer a moment ago"))
        try:
            yield
        except KafkaException as error:
            self._away_until = time.monotonic() + AWAY_S
            raise ServiceUnavailable(self._away(f"does not answer ({self._reason(error)})")) from error

    def _reason(self, error: KafkaException) -> str:
        return refused_or(self.servers, error.args[0].str()).rstrip(".")

    def _away(self, what: str) -> str:
        return f"Kafka at {self.servers} {what}. Its messages wait there. See `make status`."


def _offset_of(message: Message) -> int:
    offset = message.offset()
    return OFFSET_INVALID if offset is None else offset


def raw_of(message: Message) -> Raw:
    """A message that has a value, as it is decoded in columns."""
    return Raw(_offset_of(message), message.value() or b"", written_with(header_pairs(message)))
