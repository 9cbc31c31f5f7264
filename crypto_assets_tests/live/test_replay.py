"""Recorded hours through the whole of it: every message in Kafka, every trade in PostgreSQL, the archive's candles."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pytest

from crypto_assets.binance.archive_tables import parse_klines
from crypto_assets.cleaning.aggregate import klines_from_trades
from crypto_assets.config import Exchange, Settings, variables_of
from crypto_assets.endpoints import exchange_name, kafka_servers, postgres_url
from crypto_assets.live.ledger import read_gaps
from crypto_assets.postgres.connection import connect
from crypto_assets.processes import end_children, start_child
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets.simulator.process import start_simulator
from crypto_assets.spans import Span, to_us
from crypto_assets.stream.avro import decode
from crypto_assets.stream.consuming import header_pairs, read_to_the_ends
from crypto_assets.stream.topics import BOOK_TICKERS, DEAD_LETTERS, DEPTH_UPDATES, TRADES, Topic
from crypto_assets_tests.databases import fetch
from crypto_assets_tests.services import NAMED, service_settings
from crypto_assets_tests.waiting import wait_for
from resources.services.java import java_home
from resources.services.processor import spark_environment

pytestmark = pytest.mark.timeout(600)

SYMBOLS = ("BTCUSDT", "ETHUSDT")
CHANNELS = {"trade": TRADES, "bookTicker": BOOK_TICKERS, "depth@100ms": DEPTH_UPDATES}
MIDNIGHT = datetime(2024, 8, 9, tzinfo=UTC)
RECORDED = Span(MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5))
"""The ten minutes that the recording of BTCUSDT covers from end to end."""
PLAYED_S = 180.0
STORED_S = 180.0

type Message = tuple[Any, ...]
"""What tells one message of a stream from the others."""
type Streams = dict[tuple[str, str], list[Message]]
"""Messages by topic and symbol, in their order."""


@pytest.fixture(scope="module")
def replayed(
    kafka: str, redis_server: str, postgres: str, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Settings of a platform through which the recordings went, as fast as they can be read."""
    folder = tmp_path_factory.mktemp("replay")
    with start_simulator(replay=real_data, speed=0) as simulator:
        settings = service_settings(
            folder,
            exchange=Exchange.REPLAY,
            replay_uri=str(real_data),
            symbols=SYMBOLS,
            kafka_bootstrap_servers=kafka,
            redis_url=redis_server,
            postgres_url=postgres,
            binance_archive_url=simulator.url,
            binance_spot_rest_url=simulator.url,
            binance_futures_rest_url=simulator.url,
            binance_spot_ws_url=simulator.stream_url,
            binance_futures_ws_url=simulator.stream_url,
        )
        processor = start(settings, "processor", **spark_environment(java_home()))
        try:
            collector = start(settings, "collector")
            assert collector.wait(PLAYED_S) == 0, (folder / "collector.log").read_text()[-3_000:]
            yield settings
        finally:
            end_children([processor])


def start(settings: Settings, program: str, **environment: str) -> subprocess.Popen[bytes]:
    outside = {name: value for name, value in os.environ.items() if name.lower() not in NAMED}
    return start_child(
        [sys.executable, "-m", f"crypto_assets.stream.{program}"],
        environment={**outside, **variables_of(settings), **environment},
        folder=settings.data_dir,
        log=settings.data_dir / f"{program}.log",
    )


@pytest.fixture(scope="module")
def recorded(real_data: Path) -> Streams:
    """What the files hold of streams."""
    found: Streams = {}
    for symbol in SYMBOLS:
        for path in sorted((real_data / "recordings" / "spot").glob(f"{symbol.lower()}_*.gz")):
            for line in gzip.decompress(path.read_bytes()).splitlines():
                message = msgspec.json.decode(line.partition(b" ")[2])
                if "stream" in message:
                    topic = CHANNELS[message["stream"].partition("@")[2]]
                    found.setdefault((topic.name, symbol), []).append(told_by_the_exchange(topic, message["data"]))
    assert len(found) == len(SYMBOLS) * len(CHANNELS)
    return found


def told_by_the_exchange(topic: Topic, data: dict[str, Any]) -> Message:
    if topic is TRADES:
        return data["t"], data["T"] * 1000, data["p"], data["q"], data["m"]
    if topic is BOOK_TICKERS:
        return data["u"], data["b"], data["B"], data["a"], data["A"]
    return data["U"], data["u"], data["b"], data["a"]


def told_by_kafka(topic: Topic, record: dict[str, Any]) -> Message:
    if topic is TRADES:
        time_us = to_us(record["trade_time"])
        return record["trade_id"], time_us, record["price"], record["quantity"], record["is_buyer_maker"]
    if topic is BOOK_TICKERS:
        sides = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")
        return record["update_id"], *(record[name] for name in sides)
    return record["first_update_id"], record["last_update_id"], record["bids"], record["asks"]


def test_every_recorded_message_is_once_in_kafka_and_in_its_order(replayed: Settings, recorded: Streams) -> None:
    found: Streams = {}
    for topic in CHANNELS.values():
        for message in read_to_the_ends(kafka_servers(replayed), "test", {topic.of(exchange_name(replayed)): None}):
            record = decode(topic.name, message.value() or b"", header_pairs(message))
            found.setdefault((topic.name, record["symbol"]), []).append(told_by_kafka(topic, record))
    assert {key: len(messages) for key, messages in found.items()} == {
        key: len(messages) for key, messages in recorded.items()
    }
    assert found == recorded
    dead = read_to_the_ends(kafka_servers(replayed), "test", {DEAD_LETTERS.of(exchange_name(replayed)): None})
    assert [decode(DEAD_LETTERS.name, message.value() or b"", header_pairs(message)) for message in dead] == []
    assert read_gaps(replayed) == []


def rows_of(settings: Settings, symbol: str) -> list[tuple[Any, ...]]:
    """Trades in PostgreSQL, by id."""
    with closing(connect(postgres_url(settings))) as connection:
        return fetch(
            connection,
            "SELECT trade_id, trade_time, price, quantity, quote_quantity, is_buyer_maker FROM trades "
            "WHERE exchange = %s AND symbol = %s ORDER BY trade_id",
            exchange_name(settings),
            symbol,
        )


def await_rows(settings: Settings, symbol: str, count: int) -> list[tuple[Any, ...]]:
    return wait_for(lambda: rows_of(settings, symbol), until=lambda rows: len(rows) >= count, deadline_s=STORED_S)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_recorded_trade_is_a_row(replayed: Settings, recorded: Streams, symbol: str) -> None:
    trades = recorded[TRADES.name, symbol]
    assert all(earlier[0] + 1 == later[0] for earlier, later in pairwise(trades))
    assert [
        (trade_id, to_us(time), price, quantity, maker)
        for trade_id, time, price, quantity, _, maker in await_rows(replayed, symbol, len(trades))
    ] == [(trade_id, time_us, Decimal(p), Decimal(q), maker) for trade_id, time_us, p, q, maker in trades]


def test_minutes_of_the_stored_trades_are_the_candles_of_the_archive(
    replayed: Settings, recorded: Streams, real_data: Path
) -> None:
    rows = await_rows(replayed, "BTCUSDT", len(recorded[TRADES.name, "BTCUSDT"]))
    columns = ("trade_id", "time", "price", "quantity", "quote_quantity", "is_buyer_maker")
    trades = pl.DataFrame([row for row in rows if RECORDED.start <= row[1] < RECORDED.end], columns, orient="row")
    table = trades.select(BRONZE_TRADES.payload.names).to_arrow().cast(BRONZE_TRADES.payload)
    ours = frame(klines_from_trades(table, timeframe="1m", span=RECORDED))
    theirs = archived(real_data)
    assert theirs.height == 10
    for column in theirs.columns:
        if column != "close_time":  # the archive prints milliseconds
            assert ours[column].to_list() == theirs[column].to_list(), column


def archived(real_data: Path) -> pl.DataFrame:
    """The same minutes of the archive's files."""
    folder = real_data / "archive" / "data" / "spot" / "daily" / "klines" / "BTCUSDT" / "1m"
    days = [
        parse_klines(folder / f"BTCUSDT-1m-{start:%Y-%m-%d}.zip", timeframe="1m", start=start, end=start + timedelta(1))
        for start in (MIDNIGHT - timedelta(days=1), MIDNIGHT)
    ]
    rows = frame(pa.concat_tables([day.rows for day in days]))
    return rows.filter(pl.col("open_time").is_between(RECORDED.start, RECORDED.end, closed="left"))


def frame(table: pa.Table) -> pl.DataFrame:
    rows = pl.from_arrow(table)
    assert isinstance(rows, pl.DataFrame)
    return rows
