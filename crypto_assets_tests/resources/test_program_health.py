"""What `make status` says of a program, without a Redis: what it holds is given here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest
import redis

from crypto_assets.stream.health import Health
from crypto_assets.stream.heartbeat import Heartbeat, State
from crypto_assets_tests.services import service_settings
from resources.program_health import look

HOST = socket.gethostname()


def beat(
    *, pid: int | None = None, host: str = HOST, state: State = "running", started_before_s: float = 0
) -> Heartbeat:
    now_us = time.time_ns() // 1_000
    return Heartbeat(
        program="collector",
        instance="a",
        pid=os.getpid() if pid is None else pid,
        host=host,
        started_at_us=now_us - int(started_before_s * 1_000_000),
        beat_at_us=now_us,
        state=state,
    )


def seen(found: Heartbeat | bytes | None, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Health:
    held = msgspec.json.encode(found) if isinstance(found, Heartbeat) else found
    monkeypatch.setattr(redis.Redis, "get", lambda client, key: held)
    return look(service_settings(folder, redis_url="redis://here"), "collector")


@pytest.fixture
def ended_pid() -> int:
    """The number of a process that was there, and is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_program_that_beats_and_whose_process_lives_is_alive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert seen(beat(), monkeypatch, tmp_path).state == "alive"


def test_one_that_was_killed_has_ended_though_its_heartbeat_is_fresh(
    ended_pid: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    health = seen(beat(pid=ended_pid), monkeypatch, tmp_path)
    assert (health.state, health.is_alive) == ("ended", False)
    assert health.sentence == f"collector (pid {ended_pid} on this machine) has no process any more."


def test_a_number_that_another_process_was_given_since_is_not_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lives_s = time.time() - psutil.Process().create_time()
    assert seen(beat(started_before_s=lives_s + 60), monkeypatch, tmp_path).state == "ended"


def test_of_a_program_on_another_machine_its_heartbeat_is_believed(
    ended_pid: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert seen(beat(pid=ended_pid, host="elsewhere"), monkeypatch, tmp_path).state == "alive"


def test_one_that_said_it_ended_is_not_looked_for(
    ended_pid: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    health = seen(beat(pid=ended_pid, state="stopped"), monkeypatch, tmp_path)
    assert (health.state, "is stopped since" in health.sentence) == ("ended", True)


def test_a_heartbeat_of_another_version_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    health = seen(b'{"program": "collector"}', monkeypatch, tmp_path)
    assert health.state == "unknown"
    assert "its heartbeat is of another version of this project (" in health.sentence


def test_none_is_known_of_where_no_redis_is_named(tmp_path: Path) -> None:
    health = look(service_settings(tmp_path), "collector")
    assert health.state == "unknown"
    assert "`make up`" in health.sentence
