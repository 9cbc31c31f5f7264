"""Where messages go that the processor cannot use: topic `dead_letters`, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from confluent_kafka import KafkaException, Producer

from crypto_assets.access import kafka_options
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.spans import from_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode_key, fingerprint
from crypto_assets.stream.letters import encode_letter
from crypto_assets.stream.processor.messages import Rejected
from crypto_assets.stream.topics import DEAD_LETTERS

FLUSH_S = 15.0


class DeadLetters:
    """A producer that is made with the first message it has to take."""

    def __init__(self, servers: str, exchange: str) -> None:
        self._servers = servers
        self._exchange = exchange
        self._producer: Producer | None = None

    def send(self, rejected: Iterable[Rejected]) -> None:
        """Return once Kafka has them; a batch that is read again sends them again.

        Raises ServiceUnavailable where Kafka does not take them in time.
        """
        letters = list(rejected)
        if not letters:
            return
        self._producer = self._producer or Producer(
            {
                **kafka_options(self._servers),
                "enable.idempotence": True,
                "partitioner": "murmur2",
                "message.timeout.ms": int(FLUSH_S * 1_000),
            }
        )
        failures: list[str] = []
        for letter in letters:
            self._produce(self._producer, letter, failures)
        if self._producer.flush(FLUSH_S) or failures:
            reason = failures[0] if failures else "no answer"
            self.close()
            raise ServiceUnavailable(f"Kafka does not take {len(letters)} dead letters: {reason}. They are sent again.")

    def close(self) -> None:
        """Forget the producer, and what it has not sent."""
        if self._producer:
            with suppress(KafkaException):
                self._producer.purge()
            self._producer = None

    def _produce(self, producer: Producer, letter: Rejected, failures: list[str]) -> None:
        message = letter.message
        stream = f"{message.topic}[{message.partition}]"
        value = encode_letter(
            message.value or b"",
            received_at=from_us(message.timestamp_us),
            connection="processor",
            sequence=message.offset,
            stream=stream,
            reason=letter.reason,
        )
        producer.produce(
            DEAD_LETTERS.of(self._exchange),
            key=encode_key(stream),
            value=value,
            headers=[(FINGERPRINT_HEADER, fingerprint(DEAD_LETTERS.name))],
            timestamp=message.timestamp_us // 1_000,
            on_delivery=lambda error, _: failures.append(error.str()) if error else None,
        )
        producer.poll(0)
