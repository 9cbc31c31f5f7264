"""The simulated exchange as a service: its streams are published, and its clock goes on through restarts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.sync.client import connect

from crypto_assets.config import Settings
from crypto_assets.endpoints import embedded_endpoint, exchange_urls
from resources.services import simulator
from resources.services.manager import Services
from resources.services.service import Context
from resources.services.simulator import HEAD_START, Anchor, Health, Simulator

type MakeServices = Callable[..., Services]

START = datetime(2026, 1, 2, tzinfo=UTC)


def exchange_time(services: Services) -> datetime:
    answer = httpx.get(f"{exchange_urls(services.settings).spot_rest}/api/v3/time").json()
    return datetime.fromtimestamp(answer["serverTime"] / 1000, UTC)


def test_rest_and_streams_answer_where_the_endpoint_says(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path, symbols="BTCUSDT")
    services.start(["simulator"])
    urls = exchange_urls(services.settings)
    assert abs(exchange_time(services) - datetime.now(UTC)) < timedelta(minutes=1)
    with connect(f"{urls.spot_ws}/ws/btcusdt@trade") as stream:
        trade = msgspec.json.decode(stream.recv(timeout=60))
    assert (trade["e"], trade["s"]) == ("trade", "BTCUSDT")


def test_a_faster_clock_begins_a_day_behind_and_goes_on_through_a_crash(
    make_services: MakeServices, tmp_path: Path
) -> None:
    services = make_services(tmp_path, simulator_speed=60)
    services.start(["simulator"])
    first, since = exchange_time(services), datetime.now(UTC)
    assert timedelta(hours=22) < datetime.now(UTC) - first <= HEAD_START
    services.kill("simulator")
    services.start(["simulator"])
    passed = exchange_time(services) - first
    assert 40 * (datetime.now(UTC) - since) < passed < 61 * (datetime.now(UTC) - since) + timedelta(minutes=1)


def test_an_anchor_never_shows_a_time_later_than_the_machines() -> None:
    anchor = Anchor(now=START - HEAD_START, since=START, speed=25)
    assert anchor.at(START) == START - HEAD_START
    assert anchor.at(START + timedelta(minutes=30)) == START - HEAD_START + timedelta(hours=12, minutes=30)
    assert anchor.at(START + timedelta(hours=2)) == START + timedelta(hours=2)


def test_another_speed_goes_on_from_where_the_clock_was(make_services: MakeServices, tmp_path: Path) -> None:
    slow, fast = make_services(tmp_path, simulator_speed=2), make_services(tmp_path, simulator_speed=3_000)
    slow.start(["simulator"])
    before = exchange_time(slow)
    slow.stop(["simulator"])
    fast.start(["simulator"])
    assert before < exchange_time(fast) <= datetime.now(UTC) + timedelta(seconds=1)


def test_streams_that_have_failed_have_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Simulator(Context(Settings(data_dir=tmp_path), {}, java_home=lambda: tmp_path))
    monkeypatch.setattr(simulator, "ask_health", lambda _url: Health(server_time=0, streams=None))
    service.publish({"port": 4711, "streams": 4712})
    assert embedded_endpoint(tmp_path, "simulator") == {"url": "http://127.0.0.1:4711"}
