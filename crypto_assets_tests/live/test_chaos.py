"""After every fault each trade is in Kafka, PostgreSQL and bronze, and candles count and equal the exchange's."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import httpx
import numpy as np
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from crypto_assets.config import Settings, variables_of
from crypto_assets.endpoints import exchange_name, exchange_urls, kafka_servers, redis_url
from crypto_assets.live.evidence import days_of, read_topic
from crypto_assets.live.flush import flush_worker
from crypto_assets.live.ledger import read_gaps
from crypto_assets.processes import end_children, start_child
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets.simulator.stream_faults import (
    AnyStreamFault,
    Burst,
    ClockJump,
    Damage,
    Disconnect,
    DuplicateEvents,
    LateEvents,
    MalformedMessage,
    OutOfOrder,
    ServerShutdown,
    SilentStream,
)
from crypto_assets.simulator.streams.damage import SOUND
from crypto_assets.spans import Span
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode_key
from crypto_assets.stream.consuming import header_pairs, read_to_the_ends
from crypto_assets.stream.topics import DEAD_LETTERS, TRADES
from crypto_assets_tests.live.conftest import READY_S, SYMBOLS, Market
from crypto_assets_tests.schema_change import trades_with_another_field
from crypto_assets_tests.waiting import wait_for
from resources.services.service import Name

pytestmark = pytest.mark.timeout(300)

ACTED_S = 60.0


def test_a_deleted_topic_comes_back_with_everything_that_was_in_it(market: Market) -> None:
    """Also with what came before the collector was last started: it takes up the 20,000 last trades of a partition.

    Of trades before those, Kafka holds none then; PostgreSQL and bronze keep what they took.
    """
    market.platform.kill(["collector"])
    market.platform.await_well(deadline_s=READY_S)
    name = TRADES.of(exchange_name(market.settings))
    admin = AdminClient({"bootstrap.servers": kafka_servers(market.settings), "log_level": 0})
    admin.delete_topics([name])[name].result(30)
    wait_for(lambda: is_filled(market), until=bool, deadline_s=READY_S)
    market.assert_nothing_is_lost()


def is_filled(market: Market) -> bool:
    try:
        return all(held.ids.size for held in read_topic(market.settings, SYMBOLS).values())
    except KafkaException:
        return False


@pytest.mark.parametrize(
    "kills",
    [
        # The others alone: Redis, Kafka, PostgreSQL and the processor in the tests below that need them to be away.
        [("collector",), ("simulator",)],
        [("collector", "kafka"), ("processor", "postgres"), ("simulator", "redis")],
    ],
    ids=("alone", "two-at-once"),
)
def test_sigkill_loses_nothing(market: Market, kills: Sequence[Sequence[Name]]) -> None:
    for programs in kills:
        before = market.platform.processes()
        market.platform.kill(programs)
        market.platform.await_well(deadline_s=READY_S)
        after = market.platform.processes()
        assert {name for name in before if before[name] != after[name]} >= set(programs)
    market.assert_nothing_is_lost()


def test_a_flushed_redis_loses_nothing(market: Market) -> None:
    market.platform.flush_redis()
    market.assert_nothing_is_lost()


def test_a_database_that_refuses_connections_for_a_minute_loses_nothing(market: Market) -> None:
    market.platform.kill(["postgres"])
    market.await_minutes(1)  # the market goes on without it
    market.assert_nothing_is_lost()


@contextmanager
def in_force(market: Market, *faults: AnyStreamFault) -> Generator[None]:
    """Faults that are taken away at the end, once each of them has acted on some message."""
    numbers = [number for fault in faults for number in market.platform.post_fault(fault)]
    try:
        yield
        wait_for(lambda: acted(market, numbers), until=lambda counts: min(counts) > 0, deadline_s=ACTED_S)
    finally:
        market.platform.remove_faults(numbers)


def acted(market: Market, numbers: Sequence[int]) -> list[int]:
    """How often each of these faults acted."""
    listed = httpx.get(f"{exchange_urls(market.settings).spot_rest}/simulator/faults").json()["faults"]
    counts = {entry["id"]: entry["acted"] for entry in listed}
    return [counts[number] for number in numbers]


@pytest.mark.parametrize(
    "faults",
    [
        (DuplicateEvents(copies=2), OutOfOrder(messages=8), LateEvents(symbol="ETHUSDT", delay_s=40.0)),
        (ClockJump(symbol="BTCUSDT", seconds=3600.0), ClockJump(symbol="ETHUSDT", seconds=-3600.0)),
        (
            Burst(symbol="BTCUSDT", hold_s=45.0),
            Disconnect(symbol="BTCUSDT"),
            ServerShutdown(symbol="ETHUSDT", notice_s=1.0),
            SilentStream(stream="ethusdt@trade"),
        ),
    ],
    ids=("copies-and-order", "clock", "connections"),
)
def test_faults_of_the_exchange_lose_nothing(market: Market, faults: Sequence[AnyStreamFault]) -> None:
    with in_force(market, *faults):
        market.await_minutes(1)
    market.assert_nothing_is_lost()


def test_messages_that_cannot_be_used_lose_nothing_and_are_kept_with_the_reason(market: Market) -> None:
    damages: tuple[Damage, ...] = get_args(Damage.__value__)
    before = len(dead_letters(market))
    write_a_message_of_a_schema_that_nobody_knows(market)
    with in_force(market, *(MalformedMessage(stream="btcusdt@trade", damage=d, times=2) for d in damages)):
        market.await_minutes(1)
    market.assert_nothing_is_lost()
    refused = 2 * (len(damages) - len(SOUND))
    letters = wait_for(lambda: dead_letters(market)[before:], until=lambda kept: len(kept) > refused, deadline_s=60)
    assert all(letter["reason"] for letter in letters)
    by_program = Counter(letter["connection"] == "processor" for letter in letters)
    assert by_program == {True: 1, False: refused}


def dead_letters(market: Market) -> list[dict[str, object]]:
    topic = DEAD_LETTERS.of(exchange_name(market.settings))
    return [
        decode(DEAD_LETTERS.name, message.value() or b"", header_pairs(message))
        for message in read_to_the_ends(kafka_servers(market.settings), "test", {topic: None})
    ]


def write_a_message_of_a_schema_that_nobody_knows(market: Market) -> None:
    producer = Producer({"bootstrap.servers": kafka_servers(market.settings)})
    producer.produce(
        TRADES.of(exchange_name(market.settings)),
        key=encode_key("BTCUSDT"),
        value=b"written by a version that is long gone",
        headers=[(FINGERPRINT_HEADER, b"\x00" * 8)],
    )
    assert producer.flush(30) == 0


def test_messages_of_a_former_schema_are_read_by_a_later_version(market: Market, tmp_path: Path) -> None:
    before = len(dead_letters(market))
    market.platform.kill(["processor"])
    market.await_minutes(1)  # what is written now waits for the later version
    with later_version(market, tmp_path / "schemas"):
        market.assert_nothing_is_lost()
    assert len(dead_letters(market)) == before


@contextmanager
def later_version(market: Market, folder: Path) -> Generator[None]:
    """Programs that are started meanwhile, and this one, know trades with another field; messages have it not yet."""
    with trades_with_another_field(folder):
        begun_by_python = market.overlay / "sitecustomize.py"
        begun_by_python.write_text(
            f"import pathlib\nfrom crypto_assets.stream import avro\navro.SCHEMAS = pathlib.Path({str(folder)!r})\n"
        )
        try:
            yield
        finally:
            begun_by_python.unlink()


@contextmanager
def own_collector(market: Market, folder: Path, *options: str) -> Generator[subprocess.Popen[bytes]]:
    """A collector beside, or in the place of, the platform's; on a machine of its own, whose DATA_DIR is `folder`."""
    child = start_child(
        [sys.executable, "-m", "crypto_assets.stream.collector", *options],
        environment={**market.platform.environment, **variables_of(elsewhere(market.settings, folder))},
        folder=folder,
        log=folder / "own_collector.log",
    )
    try:
        yield child
    finally:
        end_children([child])


def elsewhere(settings: Settings, folder: Path) -> Settings:
    """Settings of a program that reaches the same services from another machine."""
    urls = exchange_urls(settings)
    named = {
        "data_dir": folder,
        "kafka_bootstrap_servers": kafka_servers(settings),
        "redis_url": redis_url(settings),
        "binance_archive_url": urls.archive,
        "binance_spot_rest_url": urls.spot_rest,
        "binance_futures_rest_url": urls.futures_rest,
        "binance_spot_ws_url": urls.spot_ws,
        "binance_futures_ws_url": urls.futures_ws,
    }
    return Settings.model_validate({**settings.model_dump(exclude_none=True), **named})


def test_two_collectors_at_once_lose_and_double_nothing(market: Market, tmp_path: Path) -> None:
    before = copies_in_kafka(market)
    market.platform.kill(["redis"])  # so that neither knows of the other
    with own_collector(market, tmp_path):
        wait_for(lambda: copies_in_kafka(market), until=lambda copies: copies > before, deadline_s=READY_S)
        market.platform.services.start(["redis"])
    market.assert_nothing_is_lost()


def copies_in_kafka(market: Market) -> int:
    """Trades that Kafka holds another time."""
    held = read_topic(market.settings, SYMBOLS).values()
    return sum(trades.ids.size - np.unique(trades.ids).size for trades in held)


def test_a_full_disk_buffer_gives_up_books_and_no_trades(market: Market, tmp_path: Path) -> None:
    market.platform.services.stop(["collector"])
    with own_collector(market, tmp_path, "--spool-bytes", "2000000") as child:
        wait_for(lambda: beats(market), until=lambda pid: pid == child.pid, deadline_s=READY_S)
        market.platform.kill(["kafka"])
        wait_for(lambda: figure(market, "dropped"), until=lambda count: count > 0, deadline_s=READY_S)
        market.platform.services.start(["kafka"])
        wait_for(lambda: figure(market, "buffered_bytes"), until=lambda count: count == 0, deadline_s=READY_S)
    market.assert_nothing_is_lost()
    assert {gap.dataset for gap in read_gaps(market.settings) if gap.cause == "buffer_full"} == {"orderbook"}


def beats(market: Market) -> int | None:
    beat = market.platform.heartbeat("collector")
    return beat.pid if beat is not None and beat.state == "running" else None


def figure(market: Market, name: str) -> float:
    beat = market.platform.heartbeat("collector")
    assert beat is not None
    return beat.figures[name]


def test_a_run_killed_in_the_middle_of_a_flush_loses_and_doubles_nothing(market: Market) -> None:
    span = Span(market.since, market.now())
    held = manifests(market, span)
    log = market.settings.data_dir / "killed_run.log"
    run = flush_worker(SYMBOLS, days_of(span)).start(environment=market.platform.environment, log=log)
    try:
        wait_for(lambda: manifests(market, span), until=lambda now: now != held, deadline_s=READY_S)
        assert run.poll() is None  # it is not done
    finally:
        run.kill()
        run.communicate()
    market.assert_nothing_is_lost()


def manifests(market: Market, span: Span) -> list[list[str]]:
    """Files of the trades of bronze, by symbol and day."""
    days = days_of(Span(span.start, market.now()))
    found = [market.lake.manifest(BRONZE_TRADES, symbol, day) for symbol in SYMBOLS for day in days]
    return [[part.path for part in manifest.parts] for manifest in found if manifest is not None]
