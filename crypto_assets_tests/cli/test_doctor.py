"""`crypto-assets doctor`: what is wrong here, and what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crypto_assets.cli import doctor
from crypto_assets.cli.diagnosis import Diagnosis, examine
from crypto_assets.cli.diagnosis_machine import look_at_java, look_at_ports
from crypto_assets.cli.diagnosis_platform import look_at_clock, look_at_exchange
from crypto_assets.config import Settings
from crypto_assets_tests.cli.conftest import Command
from crypto_assets_tests.services import service_settings

NAMES = [
    *("configuration", "Python", "Java", "memory", "ports", "jars"),
    *("disk", "lake", "services", "clock", "exchange"),
]


class Binance(ThreadingHTTPServer):
    """Answers every request with one status and a clock."""

    status = 200
    ahead = timedelta(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def settings(self, folder: Path, **more: object) -> Settings:
        urls = dict.fromkeys(("binance_spot_rest_url", "binance_futures_rest_url", "binance_archive_url"), self.url)
        return service_settings(folder, exchange="binance", **urls, **more)


class Answers(BaseHTTPRequestHandler):
    server: Binance

    def do_GET(self) -> None:
        now = datetime.now(UTC) + self.server.ahead
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"serverTime": %d}' % int(now.timestamp() * 1000))

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def binance() -> Iterator[Binance]:
    server = Binance(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def alone(binance: Binance, run: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command with a Binance of its own."""
    for name in ("BINANCE_SPOT_REST_URL", "BINANCE_FUTURES_REST_URL", "BINANCE_ARCHIVE_URL"):
        monkeypatch.setenv(name, binance.url)
    return run


def test_each_thing_is_looked_at_and_nothing_is_made(
    alone: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "new"))
    done = alone("doctor", "--json")
    found = {one["name"]: one for one in done.json}
    assert list(found) == NAMES
    assert [name for name, one in found.items() if one["state"] == "failure"] == []
    assert done.status == 0
    assert "None runs." in found["services"]["sentence"]
    assert found["lake"]["sentence"].endswith("holds nothing yet.")
    assert not (tmp_path / "new").exists()


def test_a_refused_region_fails_with_what_to_do(
    alone: Command, binance: Binance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE", "binance")
    binance.status = 451
    done = alone("doctor")
    assert done.status == 1
    line = next(line for line in done.out.splitlines() if line.startswith("exchange"))
    assert "failure" in line
    assert "HTTP 451, the exchange serves no clients in this network's country" in line
    assert "https://data-api.binance.vision" in line
    assert "EXCHANGE=simulator" in line


def test_a_refused_region_is_no_failure_while_the_market_is_simulated(alone: Command, binance: Binance) -> None:
    binance.status = 451
    found = {one["name"]: one for one in alone("doctor", "--json").json}
    assert found["exchange"]["state"] == "ok"
    assert "EXCHANGE=simulator" in found["exchange"]["sentence"]
    assert "451" in found["exchange"]["sentence"]


def test_an_exchange_that_cannot_be_reached_fails(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens there
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}"
        urls = dict.fromkeys(("binance_spot_rest_url", "binance_futures_rest_url", "binance_archive_url"), nobody)
        settings = service_settings(tmp_path, exchange="binance", **urls)
        found = look_at_exchange(settings)
        assert found.state == "failure"
        assert "cannot be reached (ConnectError)" in found.sentence
        assert look_at_clock(settings).state == "warning"


@pytest.mark.parametrize(
    ("ahead_s", "state", "said"),
    [(0, "ok", "the exchange's"), (5, "warning", "behind"), (-5, "warning", "ahead of"), (3600, "failure", "behind")],
)
def test_the_clock_is_compared_with_the_exchange(
    binance: Binance, tmp_path: Path, ahead_s: int, state: str, said: str
) -> None:
    binance.ahead = timedelta(seconds=ahead_s)
    found = look_at_clock(binance.settings(tmp_path))
    assert found.state == state
    assert said in found.sentence


def test_settings_that_cannot_be_used_fail_and_the_machine_is_looked_at_all_the_same(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE", "binnance")
    done = run("doctor", "--json")
    assert done.status == 1
    states = {one["name"]: one["state"] for one in done.json}
    assert list(states) == NAMES[:6]
    assert states["configuration"] == "failure"
    assert states["Python"] == "ok"


def test_a_lake_that_cannot_be_read_fails(alone: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_URI", "ftp://somewhere/lake")
    done = alone("doctor")
    assert done.status == 1
    assert "is no place of a lake" in done.out


def test_a_service_that_ended_by_itself_fails(
    alone: Command, make_services: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = make_services(tmp_path / "data")  # pyright: ignore[reportCallIssue]
    services.start(["redis"])
    services.kill("redis")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    found = {one["name"]: one for one in alone("doctor", "--json").json}
    assert found["services"]["state"] == "failure"
    assert "redis ended by itself" in found["services"]["sentence"]
    assert found["services"]["advice"].startswith("crypto-assets up")
    states = {one["name"]: one["state"] for one in alone("status", "redis", "--json").json}
    assert states == {"redis": "ended by itself"}
    assert alone("status", "nothing", "--json").status == 2


def test_a_java_that_does_not_start_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bin" / "java").chmod(0o755)
    monkeypatch.setattr("resources.services.java.java_home", lambda: tmp_path)
    assert look_at_java().state == "failure"
    assert "JAVA_HOME" in look_at_java().advice


def test_a_port_that_is_taken_says_how_to_take_another() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        found = look_at_ports({"dashboard": port})
    assert (found.state, found.advice) == ("warning", "crypto-assets dashboard --port 0")
    assert look_at_ports({"dashboard": port}).state == "ok"


def test_a_look_that_hangs_is_given_up() -> None:
    asleep = threading.Event()

    def hang() -> Diagnosis:
        asleep.wait()
        return Diagnosis("ok", "too late")

    def fail() -> Diagnosis:
        raise OSError("no such host")

    found = examine({"slow": hang, "broken": fail, "quick": lambda: Diagnosis("ok", "fine")}, within_s=0.3)
    asleep.set()
    assert [(name, one.state) for name, one in found.items()] == [
        ("slow", "failure"),
        ("broken", "failure"),
        ("quick", "ok"),
    ]
    assert found["broken"].sentence == "no such host"
    assert replace(found["quick"], sentence="") == Diagnosis("ok", "")
    assert doctor.WITHIN_S <= 20
