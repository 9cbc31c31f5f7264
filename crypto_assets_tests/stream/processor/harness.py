"""A processor as its own process on real services, and what feeds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import redis
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from crypto_assets.postgres.connection import connect
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode, encode_key, fingerprint
from crypto_assets.stream.heartbeat import Heartbeat, read_heartbeat
from crypto_assets.stream.topics import DEAD_LETTERS, TICKERS, TRADES
from crypto_assets_tests.databases import fetch
from crypto_assets_tests.waiting import wait_for
from resources.services.java import java_home
from resources.services.processor import spark_environment

START_S = 120
SOON_S = 60


class Market:
    """One exchange's topics, rows and last prices."""

    def __init__(self, exchange: str, *, kafka: str, redis_server: str, postgres: str) -> None:
        self.exchange = exchange
        self.kafka = kafka
        self.postgres = postgres
        self.redis = redis.Redis.from_url(redis_server, decode_responses=True)
        self._raw_redis = redis.Redis.from_url(redis_server)
        self.admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
        self._producer = Producer(
            {"bootstrap.servers": kafka, "partitioner": "murmur2", "enable.idempotence": True, "log_level": 0}
        )

    def make_topics(self) -> None:
        topics = [NewTopic(t.of(self.exchange), t.partitions, 1) for t in (TICKERS, TRADES, DEAD_LETTERS)]
        wait_for(lambda: self._made(topics), until=bool, deadline_s=SOON_S)

    def delete_topic(self, name: str) -> None:
        self.admin.delete_topics([name])[name].result()
        wait_for(lambda: name in self.admin.list_topics(timeout=10).topics, until=lambda seen: not seen, deadline_s=30)

    def send(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Send tickers and trades, in this order."""
        for record in records:
            name = "tickers" if "last_price" in record else "trades"
            self.send_bytes(name, encode(name, record), symbol=record["symbol"])
        self.flush()

    def send_bytes(self, name: str, value: bytes, *, symbol: str = "BTCUSDT") -> None:
        headers = [(FINGERPRINT_HEADER, fingerprint(name))]
        self._producer.produce(f"{self.exchange}.{name}", key=encode_key(symbol), value=value, headers=headers)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(SOON_S) == 0

    def prices(self) -> list[tuple[Any, ...]]:
        """Symbol, event time, price and the one before, of every row."""
        return self._fetch(
            "SELECT symbol, event_time, price, previous_price FROM staging.raw_prices WHERE exchange = %s "
            "ORDER BY symbol, event_time"
        )

    def trade_ids(self) -> list[int]:
        found = self._fetch("SELECT trade_id FROM trades WHERE exchange = %s ORDER BY trade_id")
        return [trade_id for (trade_id,) in found]

    def rows(self) -> list[tuple[Any, ...]]:
        """Every row with when it was inserted: unequal where any was written again."""
        trades = self._fetch("SELECT symbol, trade_id, inserted_at FROM trades WHERE exchange = %s ORDER BY 1, 2")
        prices = "SELECT symbol, event_time, inserted_at FROM staging.raw_prices WHERE exchange = %s ORDER BY 1, 2, 3"
        return trades + self._fetch(prices)

    def dead_letters(self) -> list[dict[str, Any]]:
        topic = DEAD_LETTERS.of(self.exchange)
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": "test", "enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[dict[str, Any]] = []
        while (message := consumer.poll(10)) is not None and message.error() is None:
            found.append(decode(DEAD_LETTERS.name, message.value(), message.headers()))
        consumer.close()
        return found

    def last_price(self, symbol: str = "BTCUSDT") -> dict[str, str]:
        return self.redis.hgetall(f"last_price:{self.exchange}:{symbol}")  # type: ignore[return-value]

    def beat(self) -> Heartbeat | None:
        try:
            return read_heartbeat(self._raw_redis, self.exchange, "processor")
        except redis.RedisError:
            return None

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        with closing(connect(self.postgres)) as connection:
            return fetch(connection, query, self.exchange)

    def _made(self, topics: list[NewTopic]) -> bool:
        for name, future in self.admin.create_topics(topics).items():
            try:
                future.result()
            except KafkaException:  # it exists, or its predecessor is still being deleted
                if name not in self.admin.list_topics(timeout=10).topics:
                    return False
        return True


class Program:
    """`python -m crypto_assets.stream.processor`."""

    def __init__(self, market: Market, data_dir: Path, *, redis_server: str) -> None:
        self.market = market
        self.data_dir = data_dir
        self.log = data_dir / "processor.log"
        self.child: subprocess.Popen[bytes] | None = None
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("LAKE_URI", "EXCHANGE")},
            "DATA_DIR": str(data_dir),
            "SIMULATOR_SEED": market.exchange.removeprefix("simulator-"),
            "KAFKA_BOOTSTRAP_SERVERS": market.kafka,
            "REDIS_URL": redis_server,
            "POSTGRES_URL": market.postgres,
            **spark_environment(java_home()),
        }

    @property
    def checkpoint(self) -> Path:
        return self.data_dir / "stream" / "checkpoints" / self.market.exchange

    def spawn(self, **environment: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "crypto_assets.stream.processor"]
            return subprocess.Popen(command, env={**self.environment, **environment}, stdout=output, stderr=output)

    def start(self) -> None:
        """Start it where it does not run, and return once it does."""
        if self.child is not None and self.child.poll() is None:
            return
        child = self.child = self.spawn()
        wait_for(lambda: self._is_running(child), until=bool, deadline_s=START_S)
        assert child.poll() is None, self.log.read_text()[-3_000:]

    def end(self, number: signal.Signals) -> int:
        """The exit code; returns once Java is gone with it."""
        assert self.child is not None
        java = psutil.Process(self.child.pid).children(recursive=True)
        self.child.send_signal(number)
        code = self.child.wait(60)
        _, left = psutil.wait_procs(java, timeout=30)
        assert left == []
        return code

    def _is_running(self, child: subprocess.Popen[bytes]) -> bool:
        beat = self.market.beat()
        return child.poll() is not None or (beat is not None and beat.pid == child.pid and beat.state == "running")
