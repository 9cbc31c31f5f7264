"""What Kafka said last of every symbol: one reader in the background, for all visitors of the process.

It is in no group and commits nothing: it begins at a moment of each topic, keeps a bounded tail of what it hears, and
goes on by itself after Kafka was away, moved to another port, or has topics that it had not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from crypto_assets.access import kafka_options
from crypto_assets.dashboard.market.tail import Received, SymbolTail
from crypto_assets.errors import ConfigurationError
from crypto_assets.stream.avro import encode_key, written_with
from crypto_assets.stream.consuming import header_pairs
from crypto_assets.stream.topics import KLINES, LIQUIDATIONS, MARK_PRICE, ORDERBOOK, TICKERS, TRADES, Topic

BACK: Mapping[Topic, timedelta] = {
    TICKERS: timedelta(seconds=30),
    TRADES: timedelta(minutes=1),
    ORDERBOOK: timedelta(seconds=10),
    MARK_PRICE: timedelta(seconds=30),
    KLINES: timedelta(hours=3),
    LIQUIDATIONS: timedelta(hours=12),
}
"""How far back a topic is read at the start."""
LEAST, MOST = 100, 60_000
"""Messages of a partition read at the start: at least, so that a topic that fell silent shows its last words, and at
most."""
LOOK_EVERY_S = 3.0
ANSWER_S = 2.0
PAUSE_S = 1.0

log = logging.getLogger(__name__)


class MarketFeed:
    """Reads until it is closed; `servers` says where Kafka is, and may raise ConfigurationError."""

    def __init__(self, *, servers: Callable[[], str], exchange: str, symbols: Sequence[str]) -> None:
        self._servers = servers
        self._topics = {topic.of(exchange): topic for topic in BACK}
        self._tails = {encode_key(symbol): SymbolTail(symbol) for symbol in symbols}
        self._closing = threading.Event()
        self._assigned: set[tuple[str, int]] = set()
        self._down: str | None = "Kafka was not reached yet."
        self._thread = threading.Thread(target=self._run, name="market-feed", daemon=True)

    @property
    def down(self) -> str | None:
        """Why nothing can be heard, and what to do; None while Kafka answers."""
        return self._down

    @property
    def is_running(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for that."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(2 * (ANSWER_S + LOOK_EVERY_S))

    def tail(self, symbol: str) -> SymbolTail:
        """What was heard of a symbol; raises KeyError for one that it was not told of."""
        return self._tails[encode_key(symbol)]

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                servers = self._servers()
            except ConfigurationError as error:
                self._down = str(error)
            else:
                self._read(servers)
            self._closing.wait(PAUSE_S)

    def _read(self, servers: str) -> None:
        """Until it is closed, or Kafka is at another address, or does not answer."""
        consumer = Consumer(_options(servers))
        self._assigned.clear()
        try:
            looked = float("-inf")
            while not self._closing.is_set():
                if time.monotonic() - looked > LOOK_EVERY_S:
                    if self._servers() != servers:
                        return
                    self._look(consumer, servers)
                    looked = time.monotonic()
                self._hear(consumer.consume(500, timeout=0.1))
        except ConfigurationError as error:
            self._down = str(error)
        except KafkaException as error:
            self._down = _sentence(servers, error.args[0])
        finally:
            with suppress(KafkaException, RuntimeError):
                consumer.close()

    def _look(self, consumer: Consumer, servers: str) -> None:
        """Ask whether Kafka is there, and begin to read what it has and had not; raises KafkaException."""
        found = consumer.list_topics(timeout=ANSWER_S).topics
        places = [(name, number) for name in self._topics if name in found for number in found[name].partitions]
        new = [place for place in places if place not in self._assigned]
        if new:
            self._clear(self._topics[name] for name, _ in new)
            consumer.incremental_assign([self._start(consumer, *place) for place in new])
            self._assigned.update(new)
        missing = not places
        self._down = (
            f"Kafka at {servers} has no streams of this market yet. `make up` starts them." if missing else None
        )

    def _start(self, consumer: Consumer, name: str, partition: int) -> TopicPartition:
        back = BACK[self._topics[name]]
        place = TopicPartition(name, partition)
        low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
        since_ms = int((time.time() - back.total_seconds()) * 1000)
        (at,) = consumer.offsets_for_times([TopicPartition(name, partition, since_ms)], timeout=ANSWER_S)
        by_time = high if at.offset in (OFFSET_END, -1) else at.offset
        return TopicPartition(name, partition, max(low, high - MOST, min(by_time, high - LEAST)))

    def _clear(self, topics: Iterable[Topic]) -> None:
        for topic in set(topics):
            for tail in self._tails.values():
                tail.forget(topic)

    def _hear(self, messages: Iterable[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._ALL_BROKERS_DOWN:  # pyright: ignore[reportPrivateUsage]
                    raise KafkaException(error)
                continue  # librdkafka tries again by itself
            value, tail = message.value(), self._tails.get(message.key() or b"")
            if value is not None and tail is not None:
                tail.take(self._topics[message.topic() or ""], Received(value, written_with(header_pairs(message))))


def _options(servers: str) -> dict[str, Any]:
    return {
        **kafka_options(servers),
        "group.id": "dashboard",  # asked for by the library; nothing is committed under it
        "enable.auto.commit": False,
        "auto.offset.reset": "latest",
        "queued.max.messages.kbytes": 8_192,
        "fetch.wait.max.ms": 50,
    }


def _sentence(servers: str, error: KafkaError) -> str:
    log.warning("Kafka at %s: %s", servers, error.str())
    return f"Kafka at {servers} does not answer. See `make status`; `make up` starts the embedded one."
