"""Predictions into the topic `predictions`: key symbol, Avro, the schema's fingerprint in a header."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from confluent_kafka import KafkaException, Producer

from crypto_assets.access import kafka_options
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode, encode_key, fingerprint
from crypto_assets.stream.forecaster.prediction import Prediction
from crypto_assets.stream.registry import RegistryUnavailable, register
from crypto_assets.stream.topics import PREDICTIONS

FLUSH_S = 10.0


class Announcer:
    """A producer that is made with the first prediction; messages may come twice, and then say the same."""

    def __init__(self, servers: str, exchange: str, *, registry: str | None = None) -> None:
        self._servers = servers
        self._exchange = exchange
        self._registry = registry
        self._frame: bytes | None = None if registry else b""
        self._producer: Producer | None = None

    def send(self, predictions: Sequence[Prediction]) -> None:
        """Return once Kafka has them; raises ServiceUnavailable where it, or the registry, does not take them."""
        frame = self._framed()
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
        for one in predictions:
            self._producer.produce(
                PREDICTIONS.of(self._exchange),
                key=encode_key(one.symbol),
                value=frame + encode(PREDICTIONS.name, one._asdict()),
                headers=[(FINGERPRINT_HEADER, fingerprint(PREDICTIONS.name))],
                timestamp=to_us(one.known_at) // 1_000,
                on_delivery=lambda error, _: failures.append(error.str()) if error else None,
            )
            self._producer.poll(0)
        if self._producer.flush(FLUSH_S) or failures:
            reason = failures[0] if failures else "no answer"
            self.close()
            raise ServiceUnavailable(f"Kafka does not take {len(predictions)} predictions: {reason}.")

    def close(self) -> None:
        """Forget the producer, and what it has not sent."""
        if self._producer is not None:
            with suppress(KafkaException):
                self._producer.purge()
            self._producer = None

    def _framed(self) -> bytes:
        if self._frame is None:
            assert self._registry is not None
            try:
                self._frame = register(self._registry, PREDICTIONS, self._exchange)
            except RegistryUnavailable as error:
                raise ServiceUnavailable(str(error)) from error
        return self._frame
