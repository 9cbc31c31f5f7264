"""The Confluent frame: written with the registry's id, read with and without it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from crypto_assets.spans import EPOCH
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode, fingerprint
from crypto_assets.stream.registry import RegistryUnavailable, frame, register
from crypto_assets.stream.topics import DEAD_LETTERS, TRADES

TRADE = {
    "symbol": "BTCUSDT",
    "trade_id": 5,
    "trade_time": EPOCH,
    "price": "1.50",
    "quantity": "2",
    "is_buyer_maker": True,
    "event_time": None,
    "received_at": EPOCH,
    "connection": "c",
    "sequence": 0,
    "source": "rest",
}


@pytest.fixture
def registry() -> Iterator[str]:
    """The part of a schema registry's REST interface that the client asks for."""
    schemas: list[str] = []
    subjects: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            schema = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
            if schema not in schemas:
                schemas.append(schema)
            subjects[self.path.split("/")[2]] = identity = schemas.index(schema) + 100
            self._answer({"id": identity})

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith("/schemas/ids/"):
                self._answer({"schema": schemas[int(path.rsplit("/", 1)[1]) - 100]})
            else:
                self._answer({"error_code": 40401, "message": "not here"}, status=404)

        def _answer(self, body: object, *, status: int = 200) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_framed_value_is_read_by_us_and_by_confluents_own_reader(registry: str) -> None:
    exchange = uuid4().hex
    value = register(registry, TRADES, exchange) + encode("trades", TRADE)
    assert value.startswith(frame(100))
    assert decode("trades", value, [(FINGERPRINT_HEADER, fingerprint("trades"))]) == TRADE
    assert decode("trades", value, None) == TRADE
    reader = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    assert reader(value, SerializationContext(TRADES.of(exchange), MessageField.VALUE)) == TRADE


def test_the_same_schema_has_one_id_and_another_another(registry: str) -> None:
    frames = [register(registry, topic, exchange) for exchange in "ab" for topic in (TRADES, DEAD_LETTERS)]
    assert frames == [frame(100), frame(101)] * 2


def test_a_registry_that_is_away_is_named() -> None:
    with pytest.raises(RegistryUnavailable, match=r"127\.0\.0\.1:1 does not take trades"):
        register("http://127.0.0.1:1", TRADES, "x")
