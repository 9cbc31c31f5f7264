"""From event to committed row: the processor beside a plain consumer of Kafka that decodes and writes the same."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import redis
from confluent_kafka import Consumer, Producer

from bench.measuring import Rounds, Taken, rss_mb
from bench.workspace import embedded
from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, kafka_servers, postgres_url, redis_url
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode, encode_key, fingerprint, schema_of
from crypto_assets.stream.collector.topic_care import TopicCare
from crypto_assets.stream.heartbeat import read_heartbeat
from crypto_assets.stream.processor.figures import LAGS_OVER_US
from crypto_assets.stream.processor.last_prices import LastPrices
from crypto_assets.stream.processor.messages import Message, sort_out
from crypto_assets.stream.processor.store import Store
from crypto_assets.stream.topics import TICKERS, TRADES
from resources.services.java import java_home
from resources.services.processor import spark_environment

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT")
RATES = (500, 2_000)
WARM_UP_S = 20
WINDOW_S = LAGS_OVER_US // 1_000_000
START_S = 120


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of the time from event to committed row, in ms, over WINDOW_S."""

    p50: float
    p99: float


def measure(folder: Path, rounds: int) -> Taken:
    """Both rates, first ours, then the plain consumer, on the same services; a round is a window of time."""
    with embedded(folder / "processor", ["postgres", "redis", "kafka"]) as settings:
        TopicCare(kafka_servers(settings), exchange_name(settings)).ensure()
        with _processor(settings, folder / "processor.log") as program:
            ours = {rate: _ours(settings, rate, rounds=rounds) for rate in RATES}
            memory = rss_mb(program, *program.children(recursive=True))
        bare = {rate: _bare(settings, rate, rounds=rounds) for rate in RATES}
    for rate, percentile in (("500", "p50"), ("500", "p99"), ("2000", "p99")):
        name = f"processor.{percentile}_{rate}"
        sides = [[getattr(window, percentile) for window in side[int(rate)]] for side in (ours, bare)]
        yield name, Rounds(sides[0])
        yield f"{name}_bare", Rounds(*sides)
    yield "processor.memory", Rounds([memory])


def feed(servers: str, exchange: str, rate: int, seconds: float) -> None:
    """Four trades and a ticker in five messages, evenly over the time; event time is the moment of sending."""
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2", "linger.ms": 5})
    begun, first_id, sent = time.monotonic(), time.time_ns() // 1_000, 0
    while (passed := time.monotonic() - begun) < seconds:
        while sent < passed * rate:
            name, record = _event(first_id + sent)
            producer.produce(
                f"{exchange}.{name}",
                key=encode_key(record["symbol"]),
                value=encode(name, record),
                headers=[(FINGERPRINT_HEADER, fingerprint(name))],
            )
            sent += 1
        producer.poll(0.002)
    producer.flush(10)


def _event(number: int) -> tuple[str, Mapping[str, Any]]:
    now, price = datetime.now(UTC), f"{random.randint(100_000, 200_000) / 100:.8f}"  # nosec B311 # no secret is drawn
    facts = {"symbol": SYMBOLS[number % 6], "event_time": now, "received_at": now, "connection": "bench"}
    facts |= {"sequence": number, "source": "live"}
    if number % 5 == 0:
        others = {f["name"]: "1" if f["type"] == "string" else 0 for f in schema_of(TICKERS.name)["fields"]}
        times = {"statistics_open_time": now, "statistics_close_time": now}
        return TICKERS.name, {**others, **times, **facts, "last_price": price}
    amounts = {"price": price, "quantity": "0.01000000", "is_buyer_maker": True}
    return TRADES.name, {**facts, **amounts, "trade_id": number, "trade_time": now}


@contextmanager
def _feeding(settings: Settings, rate: int, *, rounds: int) -> Generator[None]:
    seconds = WARM_UP_S + rounds * WINDOW_S
    arguments = (kafka_servers(settings), exchange_name(settings), rate, seconds)
    feeder = multiprocessing.get_context("spawn").Process(target=feed, args=arguments, daemon=True)
    feeder.start()
    try:
        yield
    finally:
        feeder.join()


@contextmanager
def _processor(settings: Settings, log: Path) -> Generator[psutil.Process]:
    environment = {
        **os.environ,
        "DATA_DIR": str(settings.data_dir),
        **spark_environment(java_home()),
    }
    with log.open("wb") as output:
        command = [sys.executable, "-m", "crypto_assets.stream.processor"]
        child = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_S
        while _figures(settings, "running") is None:
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the processor does not start; see {log}")
            time.sleep(0.2)
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(60)


def _figures(settings: Settings, state: str) -> Mapping[str, float] | None:
    with redis.Redis.from_url(redis_url(settings)) as client:
        beat = read_heartbeat(client, exchange_name(settings), "processor")
    return beat.figures if beat is not None and beat.state == state else None


def _ours(settings: Settings, rate: int, *, rounds: int) -> list[Percentiles]:
    """Of windows one after the other, as the processor's own heartbeat says them."""
    windows: list[Percentiles] = []
    with _feeding(settings, rate, rounds=rounds):
        begun = time.monotonic()
        for number in range(rounds):
            time.sleep(max(0.0, begun + WARM_UP_S + (number + 1) * WINDOW_S - time.monotonic()))
            figures = _figures(settings, "running") or {}
            windows.append(Percentiles(figures["lag_p50_ms"], figures["lag_p99_ms"]))
    return windows


def _bare(settings: Settings, rate: int, *, rounds: int) -> list[Percentiles]:
    """The same of a loop: consume, decode, commit, tell Redis."""
    exchange, servers = exchange_name(settings), kafka_servers(settings)
    options = {"bootstrap.servers": servers, "group.id": f"bench-{rate}", "auto.offset.reset": "latest"}
    consumer = Consumer(options)
    consumer.subscribe([TICKERS.of(exchange), TRADES.of(exchange)])
    store, lags = Store(postgres_url(settings), exchange), [list[float]() for _ in range(rounds)]
    store.open()
    with (
        redis.Redis.from_url(redis_url(settings)) as client,
        closing(consumer),
        _feeding(settings, rate, rounds=rounds),
    ):
        last_prices, begun = LastPrices(client, exchange), time.monotonic() + WARM_UP_S
        while (window := (time.monotonic() - begun) // WINDOW_S) < rounds:
            batch = sort_out(map(_message, consumer.consume(2_000, timeout=0.001)))
            if not batch.tickers and not batch.trades:
                continue
            last_prices.merge(store.write(batch).newest)
            if window >= 0:
                now = datetime.now(UTC)
                events = (*batch.tickers, *batch.trades)
                lags[int(window)] += [(now - event.received_at).total_seconds() * 1_000 for event in events]
    store.close()
    return [Percentiles(*map(float, np.percentile(window, [50, 99]))) for window in lags]


def _message(message: Any) -> Message:
    return Message(
        topic=message.topic().rpartition(".")[2],
        partition=message.partition(),
        offset=message.offset(),
        timestamp_us=message.timestamp()[1] * 1_000,
        value=message.value(),
        fingerprint=dict(message.headers()).get(FINGERPRINT_HEADER),
    )
