"""The processor as a process on real Kafka, Redis, PostgreSQL and Spark, through everything that can end or be away."""

from __future__ import annotations

import random
import shutil
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import psutil
import pytest

from crypto_assets.errors import ServiceFailed
from crypto_assets.stream.heartbeat import Heartbeat
from crypto_assets.stream.topics import TRADES
from crypto_assets_tests.metrics.pages import declared_of, told_by
from crypto_assets_tests.stream.processor.harness import SOON_S, START_S, Market, Program
from crypto_assets_tests.stream.processor.samples import at, ticker, trade
from crypto_assets_tests.waiting import wait_for
from resources.services.manager import Services

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def market(kafka: str, redis_server: str, postgres: str) -> Market:
    made = Market(
        f"simulator-{random.randint(10**6, 10**9)}", kafka=kafka, redis_server=redis_server, postgres=postgres
    )
    made.make_topics()
    return made


@pytest.fixture(scope="module")
def program(market: Market, redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(market, tmp_path_factory.mktemp("processor"), redis_server=redis_server)
    yield made
    if made.child is not None and made.child.poll() is None:
        made.end(signal.SIGKILL)


@pytest.fixture
def running(program: Program) -> Program:
    """The module's processor, started again where a test has ended it."""
    program.start()
    return program


@pytest.fixture(scope="module")
def clock() -> Iterator[int]:
    """Seconds and ids that no other test of the module has."""
    return count(1, 10_000)


@pytest.fixture
def begin(clock: Iterator[int]) -> int:
    return next(clock)


def trades(begin: int, number: int) -> list[dict[str, Any]]:
    return [trade(begin + n, seconds=begin + n / 100) for n in range(number)]


def await_trades(market: Market, begin: int, number: int, *, deadline_s: float = SOON_S) -> None:
    """Wait for all of them, each once, and no others of their ids."""
    wanted = list(range(begin, begin + number))
    wait_for(
        lambda: [each for each in market.trade_ids() if begin <= each < begin + 10_000],
        until=lambda found: found == wanted,
        deadline_s=deadline_s,
    )


def prices_since(market: Market, begin: int) -> list[tuple[Decimal, Decimal | None]]:
    return [(price, before) for _, time, price, before in market.prices() if at(begin) <= time < at(begin + 10_000)]


def test_tickers_and_trades_land_once_with_rates_and_last_prices(running: Program, market: Market, begin: int) -> None:
    tickers = [ticker(price, seconds=begin + n) for n, price in ((1, "100"), (2, "110"), (4, "121"))]
    late, copy = ticker("105", seconds=begin + 3), ticker("110", seconds=begin + 2)
    market.send([*tickers, late, copy, *trades(begin, 500), *trades(begin, 20)])
    await_trades(market, begin, 500)
    rows = wait_for(lambda: prices_since(market, begin), until=lambda rows: len(rows) == 4, deadline_s=SOON_S)
    assert [price for price, _ in rows] == [100, 110, 105, 121]
    assert [before for _, before in rows][1:] == [100, 110, 110]  # the late one came after 121 had its rate
    last = wait_for(market.last_price, until=lambda last: "trade_id" in last, deadline_s=SOON_S)
    assert (last["price"], last["exchange_rate"]) == ("121", "0.100000000000000000")
    assert last["trade_id"] == str(begin + 499)


def test_a_message_that_cannot_be_used_goes_to_dead_letters_and_the_rest_goes_on(
    running: Program, market: Market, begin: int
) -> None:
    market.send_bytes("trades", b"\x02no Avro")
    market.send([trade(begin, seconds=begin, price="nothing"), *trades(begin + 1, 5)])
    await_trades(market, begin + 1, 5)
    letters = wait_for(market.dead_letters, until=lambda letters: len(letters) >= 2, deadline_s=SOON_S)
    assert any("not what its schema says" in letter["reason"] for letter in letters)
    assert any("'nothing'" in letter["reason"] for letter in letters)
    assert b"\x02no Avro" in {letter["raw"] for letter in letters}


def test_an_emptied_redis_is_filled_again_without_a_new_event(running: Program, market: Market, begin: int) -> None:
    market.send([ticker("7", seconds=begin, symbol="SILENT")])
    before = wait_for(lambda: market.last_price("SILENT"), until=bool, deadline_s=SOON_S)
    market.redis.flushall()
    assert wait_for(lambda: market.last_price("SILENT"), until=bool, deadline_s=SOON_S) == before
    market.send([ticker("6", seconds=begin - 1, symbol="SILENT"), *trades(begin, 1)])
    await_trades(market, begin, 1)
    wait_for(lambda: len(prices_since(market, begin - 1)), until=lambda found: found == 2, deadline_s=SOON_S)
    assert market.last_price("SILENT") == before


def test_figures_are_told_by_heartbeat_and_prometheus(running: Program, market: Market, begin: int) -> None:
    market.send(trades(begin, 10))
    await_trades(market, begin, 10)
    beat = wait_for(
        market.beat, until=lambda beat: beat is not None and counted(beat, "trades") >= 10, deadline_s=SOON_S
    )
    assert beat is not None
    assert {"lag_p50_ms", "lag_p99_ms", "watermark_us", "batch_ms", "batches"} <= set(beat.figures)
    assert ("trades", "BTCUSDT") in {(stream.topic, stream.symbol) for stream in beat.streams}
    page = httpx.get(f"http://127.0.0.1:{counted(beat, 'metrics_port'):.0f}/metrics").text
    assert told_by(page) == declared_of("processor")
    lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
    assert float(lines["processor_trades_total"]) >= counted(beat, "trades")
    assert float(lines["processor_lag_seconds_count"]) >= 10


def counted(beat: Heartbeat, name: str) -> float:
    return beat.figures.get(name, 0.0)


def test_a_second_processor_ends_with_a_sentence(running: Program) -> None:
    assert running.spawn().wait(60) == 3
    assert "Another processor of" in running.log.read_text()


@pytest.mark.parametrize("name", ["postgres", "redis", "kafka"])
def test_a_service_that_was_killed_costs_time_and_no_rows(
    running: Program, market: Market, services: Services, begin: int, name: Any
) -> None:
    assert running.child is not None
    market.send(trades(begin, 50))
    services.kill(name)
    try:
        if name != "kafka":
            market.send(trades(begin + 50, 50))
        if name == "redis":
            await_trades(market, begin, 100)  # rows do not wait for Redis
    finally:
        start_again(services, name)
    if name == "kafka":
        market.send(trades(begin + 50, 50))
    await_trades(market, begin, 100, deadline_s=240)
    wait_for(market.last_price, until=lambda last: int(last.get("trade_id", 0)) == begin + 99, deadline_s=SOON_S)
    assert running.child.poll() is None


def start_again(services: Services, name: Any) -> None:
    def started() -> bool:
        try:
            services.start([name])
        except ServiceFailed:
            return False
        return True

    wait_for(started, until=bool, deadline_s=120)


def test_a_topic_that_was_made_again_is_read_from_its_start(running: Program, market: Market, begin: int) -> None:
    market.send(trades(begin, 300))
    await_trades(market, begin, 300)
    market.delete_topic(TRADES.of(market.exchange))
    market.make_topics()
    market.send(trades(begin + 300, 5_000))  # more than it held: its old offsets lie in the middle of the new ones
    await_trades(market, begin, 5_300, deadline_s=120)


def test_a_lost_checkpoint_costs_time_and_changes_no_row(running: Program, market: Market, begin: int) -> None:
    market.send([*trades(begin, 100), ticker("5", seconds=begin), ticker("6", seconds=begin + 1)])
    await_trades(market, begin, 100)
    wait_for(lambda: len(prices_since(market, begin)), until=lambda found: found == 2, deadline_s=SOON_S)
    assert running.end(signal.SIGTERM) == 0
    before = market.rows()
    last = market.last_price()
    shutil.rmtree(running.checkpoint)
    running.start()
    market.send(trades(begin + 100, 1))
    await_trades(market, begin, 101)
    assert [row for row in market.rows() if row[1] != begin + 100] == before
    assert market.last_price()["event_time_us"] == last["event_time_us"]


def test_a_processor_that_is_killed_at_any_moment_loses_and_doubles_nothing(
    running: Program, market: Market, begin: int
) -> None:
    moments = random.Random(begin)
    halt = threading.Event()
    sent: list[int] = []

    def feed() -> None:
        for n in count():
            if halt.wait(0.02) or n >= 9_000:
                return
            batch = [*trades(begin + n * 5, 5)] if n * 5 < 9_000 else []
            market.send([*batch, ticker(str(1 + n % 7), seconds=begin + n / 10)])
            sent.append(n)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for _ in range(2):
            running.start()
            more = len(sent) + moments.randint(1, 60)
            wait_for(lambda: len(sent), until=lambda number, more=more: number >= more, deadline_s=SOON_S)
            running.end(signal.SIGKILL)
    finally:
        halt.set()
        feeder.join()
    running.start()
    await_trades(market, begin, min(len(sent) * 5, 9_000), deadline_s=120)
    rows = wait_for(lambda: prices_since(market, begin), until=lambda rows: len(rows) == len(sent), deadline_s=SOON_S)
    assert [price for price, _ in rows] == [1 + n % 7 for n in range(len(sent))]
    assert [before for _, before in rows[1:]] == [price for price, _ in rows[:-1]]


def test_without_its_java_it_ends_with_a_sentence_and_its_successor_goes_on(
    running: Program, market: Market, begin: int
) -> None:
    assert running.child is not None
    for java in psutil.Process(running.child.pid).children(recursive=True):
        java.kill()
    market.send(trades(begin, 20))
    assert running.child.wait(60) == 1
    assert "Spark" in running.log.read_text().splitlines()[-1]
    running.start()
    await_trades(market, begin, 20)


def test_sigterm_ends_it_cleanly(running: Program, market: Market) -> None:
    assert running.end(signal.SIGTERM) == 0
    beat = market.beat()
    assert beat is not None
    assert beat.state == "stopped"
    assert market.redis.exists(f"market_stream:{market.exchange}:processor:lease") == 0


def test_without_its_jars_it_ends_with_a_sentence_that_names_make_up(program: Program) -> None:
    child = program.spawn(CRYPTO_ASSETS_SPARK_JARS="")
    assert child.wait(START_S) == 1
    assert "`make up` fetches them" in program.log.read_text().splitlines()[-1]


def test_without_java_it_ends_with_a_sentence_that_names_make_up(program: Program, tmp_path: Any) -> None:
    child = program.spawn(JAVA_HOME=str(tmp_path))
    assert child.wait(START_S) == 1
    assert "`make up` finds a Java" in program.log.read_text()
