"""A forecaster as its own process on real services, what feeds it, and models for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]  documented as public
)

from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.connection import connect
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode, encode_key, fingerprint
from crypto_assets.stream.forecaster.latest import prediction_key
from crypto_assets.stream.heartbeat import Heartbeat, read_heartbeat
from crypto_assets.stream.reader import LiveTopics
from crypto_assets.stream.topics import KLINES, PREDICTIONS
from crypto_assets_tests.databases import fetch
from crypto_assets_tests.stream.forecaster.market import DAY, closed_at, days_until, moment, put_bronze, records
from crypto_assets_tests.waiting import wait_for

START_S = 120
SOON_S = 60


class Market:
    """One exchange's topics, lake, models, rows and latest predictions; its symbols share one tape of candles."""

    def __init__(
        self,
        exchange: str,
        folder: Path,
        candles: Mapping[str, Any],
        *,
        symbols: Iterable[str],
        kafka: str,
        redis_server: str,
        postgres: str,
    ) -> None:
        self.exchange = exchange
        self.folder = folder
        self.candles = candles
        self.symbols = tuple(symbols)
        self.kafka = kafka
        self.postgres = postgres
        self.redis_server = redis_server
        self.redis = redis.Redis.from_url(redis_server, decode_responses=True)
        self.promotions = Promotions(str(folder / "lake" / "ckpts"))
        self._raw_redis = redis.Redis.from_url(redis_server)
        self._producer = Producer(
            {"bootstrap.servers": kafka, "partitioner": "murmur2", "enable.idempotence": True, "log_level": 0}
        )

    def make_topics(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 0})
        topics = [NewTopic(topic.of(self.exchange), topic.partitions, 1) for topic in (KLINES, PREDICTIONS)]
        for future in admin.create_topics(topics).values():
            future.result()

    def fill_lake(self) -> None:
        """Bronze of all days before DAY."""
        lake = Lake(str(self.folder / "lake"))
        for symbol in self.symbols:
            for day in days_until(DAY - timedelta(days=1), 5):
                put_bronze(lake, self.candles, day, symbol=symbol)

    def close(self, minute: int, *, symbols: Iterable[str] | None = None, **changes: Any) -> datetime:
        """Send the candles that close at so many minutes of DAY, longer ones last; says when they did."""
        at = moment(minute)
        for symbol in symbols or self.symbols:
            for timeframe, table in self.candles.items():
                for record in records(closed_at(table, timeframe, at), timeframe, symbol=symbol):
                    self.send({**record, "received_at": datetime.now(UTC), **changes})
        self.flush()
        return at

    def send(self, record: Mapping[str, Any]) -> None:
        self.send_bytes(encode(KLINES.name, record), symbol=record["symbol"])

    def send_bytes(self, value: bytes, *, symbol: str) -> None:
        headers: list[tuple[str, str | bytes | None]] = [(FINGERPRINT_HEADER, fingerprint(KLINES.name))]
        self._producer.produce(KLINES.of(self.exchange), key=encode_key(symbol), value=value, headers=headers)

    def flush(self) -> None:
        assert self._producer.flush(SOON_S) == 0

    def forget(self, *, messages: int) -> None:
        """Commit, for the forecaster, so many messages of each partition less than it has."""
        group, topic = f"{self.exchange}.forecaster", KLINES.of(self.exchange)
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": group})
        places = [TopicPartition(topic, partition) for partition in range(KLINES.partitions)]
        held = {place.partition: place.offset for place in consumer.committed(places, timeout=10) if place.offset > 0}
        consumer.close()
        live = LiveTopics(self.kafka, self.exchange)
        live.commit(group, topic, {partition: max(0, offset - messages) for partition, offset in held.items()})
        live.close()

    def promote(self, content: bytes, card: Any) -> Promotion:
        now = datetime.now(UTC)
        return self.promotions.promote(card, content, verdict="beats persistence", now=now)

    def rows(self, symbol: str) -> list[tuple[Any, ...]]:
        """as_of, horizon, model and all else of each prediction, and when it was inserted."""
        query = (
            "SELECT as_of, horizon_s, model_id, known_at, target_time, price, predicted_return, low, high, notice, "
            "is_simulated, inserted_at FROM predictions WHERE exchange = %s AND symbol = %s ORDER BY 1, 2, 3"
        )
        with closing(connect(self.postgres)) as connection:
            found = fetch(connection, "SELECT to_regclass('public.predictions') IS NOT NULL")
            return fetch(connection, query, self.exchange, symbol) if found == [(True,)] else []

    def published(self, symbol: str) -> list[dict[str, Any]]:
        """Messages of the topic."""
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": "test", "enable.partition.eof": True})
        consumer.assign([TopicPartition(PREDICTIONS.of(self.exchange), p, 0) for p in range(PREDICTIONS.partitions)])
        found: list[dict[str, Any]] = []
        ended = 0
        while ended < PREDICTIONS.partitions and (message := consumer.poll(10)) is not None:
            if message.error() is not None:
                ended += 1
            elif message.key() == encode_key(symbol):
                found.append(decode(PREDICTIONS.name, message.value() or b"", message.headers()))  # type: ignore[arg-type]
        consumer.close()
        return found

    def latest(self, symbol: str) -> dict[str, str]:
        return self.redis.hgetall(prediction_key(self.exchange, symbol))  # type: ignore[return-value]

    def beat(self) -> Heartbeat | None:
        try:
            return read_heartbeat(self._raw_redis, self.exchange, "forecaster")
        except redis.RedisError:
            return None


class Program:
    """`python -m crypto_assets.stream.forecaster`."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.log = market.folder / "forecaster.log"
        self.child: subprocess.Popen[bytes] | None = None
        others = ("LAKE_URI", "CHECKPOINTS_URI", "EXCHANGE", "SIMULATOR_SPEED", "SCHEMA_REGISTRY_URL")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in others},
            "DATA_DIR": str(market.folder),
            "SYMBOLS": ",".join(market.symbols),
            "SIMULATOR_SEED": market.exchange.removeprefix("simulator-"),
            "KAFKA_BOOTSTRAP_SERVERS": market.kafka,
            "REDIS_URL": market.redis_server,
            "POSTGRES_URL": market.postgres,
            "TF_NUM_INTRAOP_THREADS": "1",
        }

    def spawn(self, **environment: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "crypto_assets.stream.forecaster"]
            return subprocess.Popen(command, env={**self.environment, **environment}, stdout=output, stderr=output)

    def start(self) -> None:
        """Start it where it does not run, and return once it does."""
        if self.child is not None and self.child.poll() is None:
            return
        child = self.child = self.spawn()
        wait_for(lambda: self._is_running(child), until=bool, deadline_s=START_S)
        assert child.poll() is None, self.log.read_text()[-3_000:]

    def end(self, number: signal.Signals) -> int:
        """The exit code."""
        assert self.child is not None
        self.child.send_signal(number)
        return self.child.wait(60)

    def _is_running(self, child: subprocess.Popen[bytes]) -> bool:
        beat = self.market.beat()
        return child.poll() is not None or (beat is not None and beat.pid == child.pid and beat.state == "running")
