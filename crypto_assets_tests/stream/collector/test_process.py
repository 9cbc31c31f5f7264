"""The program as it is started, killed and told to end, beside the simulator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import redis

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.simulator.process import SimulatorProcess, start_simulator
from crypto_assets.stream.gaps import read_ledger
from crypto_assets.stream.heartbeat import Heartbeat, read_heartbeat
from crypto_assets_tests.metrics.pages import declared_of, told_by
from crypto_assets_tests.services import service_settings
from crypto_assets_tests.stream.collector.conftest import WAIT_S, records_of
from crypto_assets_tests.waiting import wait_for
from resources.services.manager import Services

SYMBOLS = ("BTCUSDT", "ETHUSDT")
NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
SPEED = 20.0
_seeds = iter(range(os.getpid() * 1_000 + 500, os.getpid() * 1_000 + 600))


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with start_simulator(symbols=SYMBOLS, now=NOW, since=datetime.now(UTC), speed=SPEED) as simulator:
        yield simulator


@pytest.fixture
def program(kafka: str, redis_server: str, simulator: SimulatorProcess, tmp_path: Path) -> Settings:
    return service_settings(
        tmp_path,
        symbols=SYMBOLS,
        simulator_seed=next(_seeds),
        kafka_bootstrap_servers=kafka,
        redis_url=redis_server,
        binance_archive_url=simulator.url,
        binance_spot_rest_url=simulator.url,
        binance_futures_rest_url=simulator.url,
        binance_spot_ws_url=simulator.stream_url,
        binance_futures_ws_url=simulator.stream_url,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`start(settings, *options)`: the collector as a process of its own."""
    running: list[subprocess.Popen[bytes]] = []

    def run(settings: Settings, *options: str) -> subprocess.Popen[bytes]:
        given = settings.model_dump(exclude_unset=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        for name, value in given.items():
            text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
            environment[name.upper()] = ",".join(text) if isinstance(text, tuple) else str(text)
        with (tmp_path / "collector.log").open("ab") as log:
            command = [sys.executable, "-m", "crypto_assets.stream.collector", *options]
            running.append(subprocess.Popen(command, env=environment, stderr=log))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()


def beat_of(settings: Settings) -> Heartbeat | None:
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        return read_heartbeat(client, exchange_name(settings), "collector")


def wait_beat(settings: Settings, until: Callable[[Heartbeat], bool]) -> Heartbeat:
    beat = wait_for(
        lambda: beat_of(settings), until=lambda beat: beat is not None and until(beat), deadline_s=3 * WAIT_S
    )
    assert beat is not None
    return beat


def wait_flowing(settings: Settings, *, pid: int) -> Heartbeat:
    def flows(beat: Heartbeat) -> bool:
        return beat.pid == pid and beat.figures["messages"] > 500 and beat.figures["open_gaps"] == 0

    return wait_beat(settings, flows)


def ids_of(settings: Settings, symbol: str) -> list[int]:
    return [record["trade_id"] for record in records_of(settings, "trades") if record["symbol"] == symbol]


def assert_contiguous(settings: Settings) -> None:
    """No trade and no closed one-second candle is missing between the first and the last."""
    for symbol in SYMBOLS:
        ids = set(ids_of(settings, symbol))
        assert len(ids) > 10
        assert sorted(ids) == list(range(min(ids), max(ids) + 1))
        closed = {
            record["open_time"].timestamp()
            for record in records_of(settings, "klines")
            if record["symbol"] == symbol and record["timeframe"] == "1s" and record["closed"]
        }
        assert sorted(closed) == [min(closed) + second for second in range(len(closed))]


def test_a_stop_flushes_says_so_and_ends_with_0(
    program: Settings, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = start(program)
    beat = wait_flowing(program, pid=process.pid)
    page = httpx.get(beat.detail.rpartition(" ")[2]).text
    assert 'collector_messages_total{exchange="' in page
    assert told_by(page) == declared_of("collector")
    assert f":{beat.figures['metrics_port']:.0f}/" in beat.detail
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 0
    last = wait_beat(program, lambda beat: beat.state == "stopped")
    assert last.figures["buffered"] == last.figures["buffered_bytes"] == 0
    sent = {stream.topic: 0 for stream in last.streams}
    for stream in last.streams:
        sent[stream.topic] += stream.messages
    assert {name: len(records_of(program, name)) for name in sent} == sent
    assert_contiguous(program)
    assert {stream.symbol for stream in last.streams} == set(SYMBOLS)


def test_a_killed_collector_loses_no_trade_and_no_candle(
    program: Settings, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    for _ in range(2):
        process = start(program)
        wait_flowing(program, pid=process.pid)
        process.kill()
        process.wait()
    last = start(program)
    wait_flowing(program, pid=last.pid)
    last.send_signal(signal.SIGINT)
    assert last.wait(WAIT_S) == 0
    assert_contiguous(program)
    gaps = read_ledger(program.kafka_bootstrap_servers or "", exchange_name(program))
    assert {gap.state for gap in gaps if gap.dataset in ("trades", "klines")} <= {"repaired"}
    books = [gap for gap in gaps if gap.dataset == "orderbook"]
    assert {(gap.state, gap.cause) for gap in books} == {("unrecoverable", "restarted")}


def test_a_second_collector_ends_with_3_and_a_sentence(
    program: Settings, start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    first = start(program)
    wait_flowing(program, pid=first.pid)
    assert start(program).wait(2 * WAIT_S) == 3
    assert "runs already. Stop it first" in (tmp_path / "collector.log").read_text()
    assert first.poll() is None


def test_wrong_settings_end_with_2(program: Settings, start: Callable[..., subprocess.Popen[bytes]]) -> None:
    assert start(program, "--streams", "trades").wait(WAIT_S) == 2


def test_messages_wait_on_disk_while_kafka_is_away_and_a_stop_keeps_them(
    program: Settings,
    start: Callable[..., subprocess.Popen[bytes]],
    make_services: Callable[..., Services],
    tmp_path: Path,
) -> None:
    services = make_services(tmp_path / "services")
    services.start(["kafka"])
    own = program.model_copy(
        update={"kafka_bootstrap_servers": _kafka_url(services)},
    )
    process = start(own)
    wait_flowing(own, pid=process.pid)
    services.kill("kafka")
    wait_beat(own, lambda beat: beat.figures["buffered_bytes"] > 20_000)
    process.send_signal(signal.SIGTERM)
    assert process.wait(2 * WAIT_S) == 0
    assert list((tmp_path / "stream" / "spool").glob("*.spool"))
    services.start(["kafka"])
    again = start(own)
    wait_flowing(own, pid=again.pid)
    services.kill("kafka")
    seen = wait_beat(own, lambda beat: beat.figures["buffered_bytes"] > 20_000).figures["messages"]
    services.start(["kafka"])
    wait_beat(own, lambda beat: beat.figures["buffered_bytes"] == 0 and beat.figures["messages"] > seen)
    again.send_signal(signal.SIGTERM)
    assert again.wait(2 * WAIT_S) == 0
    assert_contiguous(own)


def test_the_collector_goes_on_while_redis_is_away(
    program: Settings,
    start: Callable[..., subprocess.Popen[bytes]],
    make_services: Callable[..., Services],
    tmp_path: Path,
) -> None:
    services = make_services(tmp_path / "services")
    services.start(["redis"])
    from crypto_assets.endpoints import redis_url

    own = Settings.model_validate({**program.model_dump(exclude_unset=True), "redis_url": redis_url(services.settings)})
    process = start(own)
    wait_flowing(own, pid=process.pid)
    services.kill("redis")
    count = len(records_of(own, "tickers"))
    wait_for(lambda: len(records_of(own, "tickers")), until=lambda n: n > count + 20, deadline_s=WAIT_S)
    services.start(["redis"])
    wait_flowing(own, pid=process.pid)


def _kafka_url(services: Services) -> str:
    from crypto_assets.endpoints import kafka_servers

    return kafka_servers(services.settings)
