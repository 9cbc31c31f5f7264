"""Collector, processor and daemon: when they count as ready, and when one that runs elsewhere is left alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from crypto_assets.dagster_home import running_daemon
from crypto_assets.endpoints import exchange_name
from crypto_assets.stream.heartbeat import Heartbeat, write_heartbeat
from resources.services.manager import Services
from resources.services.service import Running

type MakeServices = Callable[..., Services]


@pytest.fixture
def with_redis(make_services: MakeServices, tmp_path: Path, redis_server: str) -> Services:
    """Services whose Redis is the session's; heartbeats of a seed of its own."""
    elsewhere = {"kafka_bootstrap_servers": "127.0.0.1:1", "postgres_url": "postgresql://127.0.0.1:1/x"}
    return make_services(
        tmp_path, redis_url=redis_server, exchange="simulator", simulator_seed=time.time_ns() % 10**9, **elsewhere
    )


def beat(services: Services, *, pid: int, host: str = "", state: str = "running", ago_s: float = 0.0) -> None:
    now_us = time.time_ns() // 1000
    written = Heartbeat(
        program="collector",
        instance="a",
        pid=pid,
        host=host or socket.gethostname(),
        started_at_us=now_us,
        beat_at_us=now_us - int(ago_s * 1_000_000),
        state=state,  # pyright: ignore[reportArgumentType]
    )
    url = services.settings.redis_url
    assert url is not None
    with redis.Redis.from_url(url.get_secret_value()) as client:
        write_heartbeat(client, exchange_name(services.settings), written)


def test_one_that_runs_elsewhere_is_left_alone(with_redis: Services) -> None:
    beat(with_redis, pid=7, host="another machine")
    (status,) = with_redis.status(["collector"])
    assert (status.state, status.detail) == ("elsewhere", "one runs already (process 7 on another machine)")


@pytest.mark.parametrize(("state", "ago_s"), [("stopped", 0.0), ("running", 60.0)])
def test_one_that_stopped_or_went_silent_elsewhere_counts_as_none(
    with_redis: Services, state: str, ago_s: float
) -> None:
    beat(with_redis, pid=7, host="another machine", state=state, ago_s=ago_s)
    assert [status.state for status in with_redis.status(["collector"])] == ["down"]


def test_the_last_beat_of_one_that_was_killed_on_this_machine_counts_for_nothing(with_redis: Services) -> None:
    highest = int(Path("/proc/sys/kernel/pid_max").read_text()) if Path("/proc").is_dir() else 2**22
    beat(with_redis, pid=highest)  # no process has this number
    assert [status.state for status in with_redis.status(["collector"])] == ["down"]
    beat(with_redis, pid=os.getpid())
    assert [status.state for status in with_redis.status(["collector"])] == ["elsewhere"]


@pytest.mark.parametrize(
    ("pid", "state", "ready"), [(5, "running", True), (5, "starting", False), (6, "running", False)]
)
def test_a_program_is_ready_when_its_own_heartbeat_says_that_it_runs(
    with_redis: Services, pid: int, state: str, ready: bool
) -> None:
    beat(with_redis, pid=pid, host="here", state=state)
    assert with_redis._services["collector"].is_ready(Running(5, {})) is ready


def test_the_daemon_runs_once_for_a_dagster_home(make_services: MakeServices, tmp_path: Path) -> None:
    services, home = make_services(tmp_path), tmp_path / "dagster"
    services.start(["daemon"])
    daemon = running_daemon(home)
    assert daemon is not None
    assert daemon.parent() == services.process("daemon")
    assert running_daemon(tmp_path / "another") is None
    assert [status.state for status in make_services(tmp_path / "another").status(["daemon"])] == ["down"]
    services.stop(["daemon"])
    assert running_daemon(home) is None


def test_a_daemon_that_the_page_has_started_is_left_alone(make_services: MakeServices, tmp_path: Path) -> None:
    program = tmp_path / "dagster-daemon"
    program.write_text("print(flush=True)\ninput()\n")
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "dagster")}
    page = subprocess.Popen(
        [sys.executable, program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert page.stdout is not None
    try:
        page.stdout.readline()
        (status,) = make_services(tmp_path).status(["daemon"])
        assert (status.state, status.detail) == ("elsewhere", f"`make ui` runs one (process {page.pid})")
    finally:
        page.communicate(b"\n")
