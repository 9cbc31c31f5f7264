"""Messages of the processor and the forecaster into a topic: key, Avro, the schema's fingerprint in a header."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import KafkaException, Producer

from crypto_assets.access import kafka_options
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode_key, fingerprint
from crypto_assets.stream.registry import register
from crypto_assets.stream.topics import Topic

FLUSH_S = 10.0


class Outgoing(NamedTuple):
    """A message to send."""

    key: str
    value: bytes
    """Without a frame."""
    timestamp_ms: int


class Publisher:
    """A producer that is made with the first message; messages may come twice, and then say the same."""

    def __init__(self, servers: str, topic: Topic, exchange: str, *, registry: str | None = None) -> None:
        self._servers = servers
        self._topic = topic
        self._exchange = exchange
        self._registry = registry
        self._frame: bytes | None = None
        self._producer: Producer | None = None

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Return once Kafka has them; raises ServiceUnavailable where it, or the registry, does not take them."""
        if not messages:
            return
        if self._frame is None and self._registry is not None:
            self._frame = register(self._registry, self._topic, self._exchange)
        frame = self._frame or b""
        self._producer = self._producer or Producer(
            {
                **kafka_options(self._servers),
                "enable.idempotence": True,
                "partitioner": "murmur2",
                "linger.ms": 0,
                "message.timeout.ms": int(FLUSH_S * 1_000),
            }
        )
        failures: list[str] = []
        for message in messages:
            self._producer.produce(
                self._topic.of(self._exchange),
                key=encode_key(message.key),
                value=frame + message.value,
                headers=[(FINGERPRINT_HEADER, fingerprint(self._topic.name))],
                timestamp=message.timestamp_ms,
                on_delivery=lambda error, _: failures.append(error.str()) if error else None,
            )
            self._producer.poll(0)
        if self._producer.flush(FLUSH_S) or failures:
            reason = failures[0] if failures else "no answer"
            with suppress(KafkaException):
                self._producer.purge()
            self._producer = None
            what = self._topic.name.replace("_", " ")
            raise ServiceUnavailable(f"Kafka does not take {len(messages)} {what}: {reason}. They are sent again.")
