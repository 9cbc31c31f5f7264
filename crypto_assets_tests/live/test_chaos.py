"""After every fault each trade is in Kafka, PostgreSQL and bronze, and candles count and equal the exchange's."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import get_args

import httpx
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from crypto_assets.endpoints import exchange_name, exchange_urls, kafka_servers
from crypto_assets.live.evidence import days_of, header_pairs, read_topic, scan
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
from crypto_assets.stream.topics import DEAD_LETTERS, TRADES
from crypto_assets_tests.live.conftest import READY_S, SYMBOLS, Market
from crypto_assets_tests.waiting import wait_for
from resources.services.service import Name

pytestmark = pytest.mark.timeout(300)

ACTED_S = 60.0


@pytest.mark.parametrize(
    "programs",
    [
        ("collector",),
        ("processor",),
        ("kafka",),
        ("redis",),
        ("postgres",),
        ("simulator",),
        ("collector", "kafka"),
        ("processor", "postgres"),
        ("simulator", "redis"),
    ],
    ids="-".join,
)
def test_sigkill_loses_nothing(market: Market, programs: Sequence[Name]) -> None:
    before = market.platform.processes()
    market.platform.kill(programs)
    market.assert_nothing_is_lost()
    after = market.platform.processes()
    assert {name for name in before if before[name] != after[name]} >= set(programs)


def test_a_flushed_redis_loses_nothing(market: Market) -> None:
    market.platform.flush_redis()
    market.assert_nothing_is_lost()


def test_a_database_that_refuses_connections_for_a_while_loses_nothing(market: Market) -> None:
    market.platform.kill(["postgres"])
    market.await_minutes(4)  # the market goes on without it
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
    "fault",
    [
        DuplicateEvents(copies=2),
        OutOfOrder(messages=8),
        LateEvents(delay_s=40.0),
        ClockJump(seconds=3600.0),
        ClockJump(seconds=-3600.0),
        Burst(hold_s=45.0),
        Disconnect(symbol="BTCUSDT"),
        ServerShutdown(symbol="ETHUSDT", notice_s=1.0),
        SilentStream(stream="btcusdt@trade"),
    ],
    ids=lambda fault: f"{fault.__struct_config__.tag}{getattr(fault, 'seconds', '')}",
)
def test_a_fault_of_the_exchange_loses_nothing(market: Market, fault: AnyStreamFault) -> None:
    with in_force(market, fault):
        market.await_minutes(1)
    market.assert_nothing_is_lost()


def test_messages_that_cannot_be_used_lose_nothing_and_are_kept_with_the_reason(market: Market) -> None:
    damages: tuple[Damage, ...] = get_args(Damage.__value__)
    before = len(dead_letters(market))
    with in_force(market, *(MalformedMessage(stream="btcusdt@trade", damage=d, times=2) for d in damages)):
        market.await_minutes(1)
    market.assert_nothing_is_lost()
    kept = dead_letters(market)[before:]
    assert len(kept) == 2 * (len(damages) - len(SOUND))
    assert all(letter["reason"] for letter in kept)


def dead_letters(market: Market) -> list[dict[str, object]]:
    topic = DEAD_LETTERS.of(exchange_name(market.settings))
    return [
        decode(DEAD_LETTERS.name, message.value() or b"", header_pairs(message))
        for message in scan(kafka_servers(market.settings), topic)
    ]


def test_a_message_of_a_schema_that_nobody_knows_stops_nothing(market: Market) -> None:
    before = len(dead_letters(market))
    producer = Producer({"bootstrap.servers": kafka_servers(market.settings)})
    producer.produce(
        TRADES.of(exchange_name(market.settings)),
        key=encode_key("BTCUSDT"),
        value=b"written by a version that is long gone",
        headers=[(FINGERPRINT_HEADER, b"\x00" * 8)],
    )
    assert producer.flush(30) == 0
    market.assert_nothing_is_lost()
    wait_for(lambda: len(dead_letters(market)), until=lambda count: count > before, deadline_s=60)


def test_a_deleted_topic_comes_back_with_everything_that_was_in_it(market: Market) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_servers(market.settings), "log_level": 0})
    admin.delete_topics([TRADES.of(exchange_name(market.settings))])[TRADES.of(exchange_name(market.settings))].result(
        30
    )
    wait_for(lambda: is_filled(market), until=bool, deadline_s=READY_S)
    market.assert_nothing_is_lost()


def is_filled(market: Market) -> bool:
    try:
        return all(held.ids.size for held in read_topic(market.settings, SYMBOLS).values())
    except KafkaException:
        return False


@contextmanager
def own_collector(market: Market, *options: str) -> Generator[subprocess.Popen[bytes]]:
    """A collector beside, or in the place of, the platform's."""
    child = start_child(
        [sys.executable, "-m", "crypto_assets.stream.collector", *options],
        environment=market.platform.environment,
        folder=market.settings.data_dir,
        log=market.settings.data_dir / "own_collector.log",
    )
    try:
        yield child
    finally:
        end_children([child])


def test_two_collectors_at_once_lose_and_double_nothing(market: Market) -> None:
    with own_collector(market, "--standby"):
        market.platform.flush_redis()  # nobody holds the lease: both may take it
        market.await_minutes(2)
        market.platform.kill(["collector"])  # and the other one takes over, if it has not
        market.await_minutes(2)
    market.assert_nothing_is_lost()


def test_a_full_disk_buffer_gives_up_books_and_no_trades(market: Market) -> None:
    market.platform.services.stop(["collector"])
    with own_collector(market, "--spool-bytes", "2000000") as child:
        wait_for(lambda: beats(market), until=lambda pid: pid == child.pid, deadline_s=READY_S)
        market.platform.kill(["kafka"])
        dropped = wait_for(lambda: figure(market, "dropped"), until=lambda count: count > 0, deadline_s=60)
        market.platform.services.start(["kafka"])
        market.assert_every_trade_is_everywhere()
    assert dropped > 0
    gaps = [gap for gap in read_gaps(market.settings) if gap.cause == "buffer_full"]
    assert {gap.dataset for gap in gaps} <= {"orderbook"}
    assert gaps
    market.assert_nothing_is_lost()


def beats(market: Market) -> int | None:
    beat = market.platform.heartbeat("collector")
    return beat.pid if beat is not None and beat.state == "running" else None


def figure(market: Market, name: str) -> float:
    beat = market.platform.heartbeat("collector")
    return 0.0 if beat is None else beat.figures.get(name, 0.0)


def flush_without_end(market: Market, span: Span) -> None:
    """What a process does that is to be killed."""
    while True:
        market.flush(span)


def test_a_stop_in_the_middle_of_a_flush_loses_and_doubles_nothing(market: Market) -> None:
    span = Span(market.since, market.now())
    spawned = multiprocessing.get_context("spawn")
    for _ in range(2):
        held = manifests(market, span)
        flusher = spawned.Process(target=flush_without_end, args=(market.portable(), span), daemon=True)
        flusher.start()
        wait_for(lambda: manifests(market, span), until=lambda now, held=held: now != held, deadline_s=60)
        flusher.kill()
        flusher.join()
    market.assert_nothing_is_lost()


def manifests(market: Market, span: Span) -> list[str]:
    """Versions of the trades of bronze."""
    found = [
        market.lake.manifest(BRONZE_TRADES, symbol, day)
        for symbol in SYMBOLS
        for day in days_of(Span(span.start, market.now()))
    ]
    return [json.dumps([part.path for part in manifest.parts]) for manifest in found if manifest is not None]
