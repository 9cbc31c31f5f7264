"""On the way to Kafka: straight through while it answers, over the disk while it does not, in order either way.

    DIRECT   each message goes to the producer.
    DISK     each message goes to the spool. Meanwhile what the producer still has is delivered, or put before the
             spool where it fails; then the spool is read from its beginning, until nothing is left of it.

A producer of its own kind is idempotent: what it retries is not doubled. What is read from the disk again after a
failure, or after a kill, may be.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from crypto_assets.access import kafka_options
from crypto_assets.stream.avro import FINGERPRINT_HEADER, fingerprint
from crypto_assets.stream.collector.spool import Lane, Record, Spool
from crypto_assets.stream.topics import BOOK_TICKERS, BY_NAME, DEPTH_UPDATES, ORDERBOOK, TICKERS, Topic

_log = logging.getLogger(__name__)

TICK_S = 0.02
SLICE = 2_000  # records read from disk before the event loop has its turn
SWITCH_BELOW_BYTES = 1 << 20  # on disk, few enough to be handed over in one go
SETTLED_AFTER_S = 90.0  # by then a message was delivered, or failed and is back on disk
FLUSH_S = 10.0
AGAIN_S = 1.0  # after a failure: what is read from the disk again may come twice, so not too often
TOPIC_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)  # pyright: ignore[reportPrivateUsage]
_LANES = {ORDERBOOK: Lane.BOOKS, TICKERS: Lane.CHANGES, BOOK_TICKERS: Lane.CHANGES, DEPTH_UPDATES: Lane.CHANGES}


@dataclass(frozen=True, slots=True)
class Outlet:
    """A topic of this exchange, and what every message in it carries."""

    name: str
    topic: str
    headers: list[tuple[str, str | bytes | None]]
    fingerprint: bytes
    lane: Lane
    frame: bytes = b""
    """What goes before each value: the Confluent frame, where there is a registry."""

    @classmethod
    def of(cls, topic: Topic, exchange: str, *, frame: bytes = b"") -> Outlet:
        """The outlet to a topic."""
        stamp = fingerprint(topic.name)
        return cls(
            topic.name, topic.of(exchange), [(FINGERPRINT_HEADER, stamp)], stamp, _LANES.get(topic, Lane.KEPT), frame
        )


def producer_settings(servers: str) -> dict[str, Any]:
    """Settings of an idempotent producer that places keys as Java clients do."""
    return {
        **kafka_options(servers),
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2",
        "linger.ms": 10,
        "compression.type": "lz4",
        "queue.buffering.max.kbytes": 32 << 10,  # beyond it messages wait on disk, where a kill cannot reach them
        "message.timeout.ms": 60_000,
        "topic.metadata.refresh.interval.ms": 10_000,
        "topic.metadata.propagation.max.ms": 5_000,
        "reconnect.backoff.max.ms": 1_000,
        "delivery.report.only.error": True,  # a report of each success would cost as much as encoding the message
    }


class _Window(msgspec.Struct):
    avg: int = 0


class _Broker(msgspec.Struct):
    int_latency: _Window = msgspec.field(default_factory=_Window)
    """Microseconds from `produce` until the request was sent."""
    rtt: _Window = msgspec.field(default_factory=_Window)
    """Microseconds from there to the answer."""


class _Statistics(msgspec.Struct):
    """Of librdkafka's statistics what is used."""

    brokers: dict[str, _Broker] = {}


_statistics = msgspec.json.Decoder(_Statistics).decode


class Sink:
    """Takes messages in their order and sees each one into Kafka."""

    def __init__(
        self,
        servers: str,
        spool: Spool,
        *,
        on_dropped: Callable[[Sequence[Record]], None],
        on_topic_gone: Callable[[], None],
    ) -> None:
        self._settings = {
            **producer_settings(servers),
            "error_cb": self._on_error,
            "stats_cb": self._on_statistics,
            "statistics.interval.ms": 1_000,
        }
        self._producer = Producer(self._settings)
        self._spool = spool
        self._on_dropped = on_dropped
        self._on_topic_gone = on_topic_gone
        self._report_of = cache(partial(partial, self._on_delivery))  # for each fingerprint, as reports have no headers
        self._failed: dict[Lane, list[Record]] = {}
        self._replaying = False
        self._replay_failed = False
        self._recovery: asyncio.Task[None] | None = None
        self._retired: list[tuple[float, Path]] = []
        self._is_fatal = False
        self._left: int | None = None
        self.latency_s = 0.0
        """From the hand-over of a message to Kafka's acknowledgement, mean of the last second."""
        self.failures = 0
        self.dropped = 0
        self._is_held = True
        self.is_direct = False
        self.emit: Callable[[Outlet, bytes, bytes, int], None] = self._keep
        """Take a message: its outlet, key, value and receive time in ms."""

    @property
    def waiting(self) -> int:
        """Messages handed over but not acknowledged."""
        # The producer's length counts what it says of itself as well, which nobody takes from it after the close.
        return len(self._producer) if self._left is None else self._left

    @property
    def spooled_bytes(self) -> int:
        """Bytes on disk."""
        return self._spool.bytes

    @property
    def is_accepting(self) -> bool:
        """Whether there is room; if not, the exchange's sockets must not be read."""
        return not self._spool.is_full

    def tick(self) -> None:
        """Serve the producer's reports and keep the disk in bounds; to be called every TICK_S.

        Raises OSError where the disk fails, also where it failed what was delivered from it.
        """
        self._producer.poll(0)
        if self._is_fatal:
            self._renew()
        self._discard_retired(now_s=time.monotonic())
        if not self.is_direct:
            self._spool.flush()
            self._make_room()
            if not self._is_held and (self._recovery is None or self._recovery.done()):
                ended, self._recovery = self._recovery, None
                if ended is not None:
                    ended.result()
                self._recovery = asyncio.get_running_loop().create_task(self._recover())

    def release(self) -> None:
        """Kafka is prepared: until now all messages were kept on disk."""
        self._is_held = False

    def learn_topics(self) -> None:
        """Ask Kafka which topics there are, instead of at the next round; waits, and may fail without harm."""
        with suppress(KafkaException):
            self._producer.list_topics(timeout=FLUSH_S)

    async def close(self) -> bool:
        """Deliver what is here, or keep it on disk; True where all of it is in Kafka."""
        deadline = time.monotonic() + FLUSH_S
        try:
            while (
                not self._is_held and time.monotonic() < deadline and not (self.is_direct and not len(self._producer))
            ):
                self.tick()
                await asyncio.sleep(TICK_S)
        except OSError as error:
            _log.error("what is on disk is left there: %s", error)
        was_replaying = self._replaying
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.wait([self._recovery])
        self._replaying = was_replaying
        self._left = 0
        if len(self._producer):
            self._producer.purge()
            self._left = self._producer.flush(FLUSH_S)
        self._keep_failed()
        self._discard_retired(now_s=float("inf"))
        self._spool.close()
        return self._spool.is_empty

    def _produce(self, outlet: Outlet, key: bytes, value: bytes, timestamp_ms: int) -> None:
        try:
            self._producer.produce(
                outlet.topic,
                value,
                key,
                on_delivery=self._report_of(outlet.fingerprint),
                timestamp=timestamp_ms,
                headers=outlet.headers,
            )
        except (BufferError, KafkaException) as error:
            self._to_disk(f"the producer takes no more: {error}")
            self._keep(outlet, key, value, timestamp_ms)

    def _keep(self, outlet: Outlet, key: bytes, value: bytes, timestamp_ms: int) -> None:
        record = Record(outlet.topic, key, value, timestamp_ms, outlet.fingerprint)
        self._spool.append(outlet.lane, record)

    def _to_disk(self, why: str) -> None:
        if self.is_direct:
            self.is_direct = False
            self.emit = self._keep
            _log.warning("Kafka is away, messages wait on disk: %s", why)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._is_fatal = True
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # pyright: ignore[reportPrivateUsage]
            self._to_disk(error.str())

    def _on_statistics(self, report: str) -> None:
        brokers = _statistics(report).brokers.values()
        self.latency_s = max((b.int_latency.avg + b.rtt.avg for b in brokers), default=0) / 1e6

    def _on_delivery(self, stamp: bytes, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        self.failures += 1
        if error.code() in TOPIC_GONE:
            self._on_topic_gone()
        self._to_disk(error.str())
        if self._replaying:
            self._replay_failed = True  # its segment is still there
            return
        record = _record_of(message, stamp)
        self._failed.setdefault(_lane_of(record.topic), []).append(record)

    def _keep_failed(self) -> None:
        for lane, records in self._failed.items():
            self._spool.prepend(lane, records)
        self._failed = {}

    def _renew(self) -> None:
        """Another producer for one that refuses to go on; what the old one had is kept."""
        _log.warning("The Kafka producer gave up and is replaced")
        self._to_disk("the producer gave up")
        self._is_fatal = False
        self._producer.purge()
        self._producer.flush(FLUSH_S)
        self._producer = Producer(self._settings)

    async def _recover(self) -> None:
        """Deliver what the producer has, then all that is on disk, and go back to DIRECT."""
        await self._drain()
        self._keep_failed()
        self._replaying, self._replay_failed = True, False
        try:
            while self._spool.bytes > SWITCH_BELOW_BYTES:
                if not await self._replay_round():
                    await asyncio.sleep(AGAIN_S)
                    return
        finally:
            self._replaying = False
        if not self._switch():
            await asyncio.sleep(AGAIN_S)

    async def _replay_round(self) -> bool:
        """Deliver the segments of now, while others are filled; False where something failed."""
        for lane in Lane:
            for path in self._spool.segments(lane):
                await self._hand_over(path)
                await self._drain()
                if self._replay_failed:
                    return False
                self._spool.remove(path)
        return True

    def _switch(self) -> bool:
        """Hand over the rest in one go, so that nothing can come in between, and be DIRECT; False where it fails."""
        for lane in Lane:
            for path in self._spool.segments(lane):
                if not all(self._offer(record) for record in self._spool.read(path)) or self._replay_failed:
                    return False
                self._retired.append((time.monotonic(), self._spool.retire(path)))
        self.is_direct = True
        self.emit = self._produce
        _log.info("messages go to Kafka, none waits on disk")
        return True

    async def _hand_over(self, path: Path) -> None:
        for number, record in enumerate(self._spool.read(path), start=1):
            while not self._offer(record):
                await asyncio.sleep(TICK_S)
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def _offer(self, record: Record) -> bool:
        try:
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                on_delivery=self._report_of(record.fingerprint),
                timestamp=record.timestamp_ms,
                headers=[(FINGERPRINT_HEADER, record.fingerprint)],
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._replay_failed = True
            _log.warning("Kafka refuses a message of %s: %s", record.topic, error)
        return True

    async def _drain(self) -> None:
        while len(self._producer):
            await asyncio.sleep(TICK_S)

    def _discard_retired(self, *, now_s: float) -> None:
        while self._retired and (now_s - self._retired[0][0] > SETTLED_AFTER_S or not len(self._producer)):
            self._retired.pop(0)[1].unlink(missing_ok=True)

    def _make_room(self) -> None:
        while self._spool.is_full and (path := self._spool.droppable()) is not None:
            dropped = list(self._spool.read(path))
            self._spool.remove(path)
            self.dropped += len(dropped)
            self._on_dropped(dropped)


def _record_of(message: Message, stamp: bytes) -> Record:
    """A message that failed; its headers are not in the report."""
    return Record(
        topic=message.topic() or "",
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        timestamp_ms=message.timestamp()[1],
        fingerprint=stamp,
    )


def _bytes(part: str | bytes | None) -> bytes:
    return part.encode() if isinstance(part, str) else part or b""


def _lane_of(topic: str) -> Lane:
    return _LANES.get(BY_NAME[topic.rpartition(".")[2]], Lane.KEPT)
