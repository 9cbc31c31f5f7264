"""Messages of a live exchange in a real Kafka, and a lake that is filled from them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from crypto_assets.convergence.converge import Convergence, converge
from crypto_assets.convergence.live_ranges import Ends, TopicEnds
from crypto_assets.schemas import BRONZE_TRADES, Dataset
from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode, encode_key, fingerprint
from crypto_assets.stream.reader import LiveTopics
from crypto_assets.stream.topics import TRADES, Topic
from crypto_assets_tests.convergence.archive_folder import DAY
from crypto_assets_tests.convergence.place import START, Place, make_place
from crypto_assets_tests.waiting import wait_for

NOON = START + timedelta(hours=12)
MIDNIGHT = START + timedelta(days=1)
SYMBOL = "BTCUSDT"


def trade(number: int, *, at: datetime | None = None, **other: Any) -> dict[str, Any]:
    """A trade, by default one a second from midnight on."""
    time_us = to_us(START) + number * 1_000_000 if at is None else to_us(at)
    record: dict[str, Any] = {
        "symbol": SYMBOL,
        "trade_id": number,
        "trade_time": time_us,
        "price": "61000.01000000",
        "quantity": "0.00200000",
        "is_buyer_maker": number % 2 == 0,
        "event_time": time_us + 1_000,
        "received_at": time_us + 50_000,
        "connection": "c1",
        "sequence": number,
        "source": "live",
    }
    return record | other


@dataclass
class LiveWorld:
    """Topics of an exchange of its own, and a place to converge in."""

    servers: str
    place: Place
    exchange: str
    live: LiveTopics
    admin: AdminClient = field(init=False)
    producer: Producer = field(init=False)

    def __post_init__(self) -> None:
        client: dict[str, Any] = {"bootstrap.servers": self.servers, "log_level": 0}
        self.admin = AdminClient(client)
        self.producer = Producer({**client, "partitioner": "murmur2", "linger.ms": 5, "enable.idempotence": True})

    def create(self, topic: Topic = TRADES, *, partitions: int | None = None) -> None:
        """Make a topic of this exchange, also one that was just deleted."""
        wanted = NewTopic(topic.of(self.exchange), partitions or topic.partitions, 1)
        for made in self.admin.create_topics([wanted]).values():
            made.result()

    def delete(self, topic: Topic = TRADES) -> None:
        """Delete a topic, and wait until it is gone."""
        for gone in self.admin.delete_topics([topic.of(self.exchange)]).values():
            gone.result()
        wait_for(lambda: self.live.state(topic), until=lambda state: state is None, deadline_s=30)

    def send(self, *records: dict[str, Any], topic: Topic = TRADES) -> None:
        """Write records as the collector does."""
        for record in records:
            self.send_raw(encode(topic.name, record), symbol=record["symbol"], topic=topic)

    def send_raw(
        self, value: bytes, *, symbol: str = SYMBOL, topic: Topic = TRADES, schema: bytes | None = None
    ) -> None:
        """Write bytes under a symbol's key."""
        headers: list[tuple[str, str | bytes | None]] = [(FINGERPRINT_HEADER, schema or fingerprint(topic.name))]
        self.producer.produce(topic.of(self.exchange), value, key=encode_key(symbol), headers=headers)

    def converge(
        self,
        dataset: Dataset = BRONZE_TRADES,
        *,
        symbol: str = SYMBOL,
        day: date = DAY,
        now: datetime = NOON,
        ends: Ends | None = None,
    ) -> Convergence:
        """Converge a day when the exchange's clock shows `now`."""
        self.producer.flush()
        sources = replace(self.place.sources, exchange=self.exchange, live=self.live, now=lambda: now)
        return converge(dataset, symbol=symbol, day=day, lake=self.place.lake, sources=sources, ends=ends)

    def ends(self, topic: Topic = TRADES) -> Ends:
        """Where the topic ends now."""
        self.producer.flush()
        state = self.live.state(topic)
        assert state is not None
        return {topic.name: TopicEnds(state.topic_id, state.ends)}

    def rows(self, dataset: Dataset = BRONZE_TRADES, *, symbol: str = SYMBOL, day: date = DAY) -> list[dict[str, Any]]:
        """Rows of a day in the order of their time."""
        table = self.place.lake.read(dataset, symbol, day)
        assert table is not None
        return table.sort_by([(dataset.time_column, "ascending")]).to_pylist()

    def ids(self, *, day: date = DAY) -> list[int]:
        """Trade ids of a day in bronze, copies included."""
        return sorted(row["trade_id"] for row in self.rows(day=day))

    def rejected(self) -> list[dict[str, Any]]:
        """What could not be used, of all days."""
        files = (Path(self.place.lake.uri) / "bronze/_rejected").rglob("*.parquet")
        return list(itertools.chain.from_iterable(pq.read_table(file).to_pylist() for file in files))


def make_live_world(servers: str, folder: Path) -> LiveWorld:
    """An exchange without topics and an empty lake."""
    exchange = f"simulator-{uuid4().hex[:8]}"
    return LiveWorld(servers, make_place(folder), exchange, LiveTopics(servers, exchange))
