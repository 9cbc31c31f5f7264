"""Heartbeats and leases on a real Redis."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
import redis

from crypto_assets.stream.heartbeat import (
    STALE_AFTER_S,
    Heartbeat,
    Program,
    Seat,
    StreamState,
    read_heartbeat,
    write_heartbeat,
)

BEAT_US = 1_800_000_000_000_000


@pytest.fixture
def client(redis_server: str) -> redis.Redis:
    return redis.Redis.from_url(redis_server)


@pytest.fixture
def exchange() -> str:
    """A name of its own for each test."""
    return f"simulator-{uuid4().hex[:8]}"


def beat(**changes: object) -> Heartbeat:
    stream = StreamState("trades", "BTCUSDT", 10, 0.5, BEAT_US, BEAT_US, 0.1)
    facts = {"program": "collector", "instance": "a", "pid": 1, "host": "here", "started_at_us": BEAT_US}
    return Heartbeat(**({**facts, "beat_at_us": BEAT_US, "state": "running", "streams": (stream,)} | changes))  # type: ignore[arg-type]


def test_the_last_beat_is_read_as_it_was_written(client: redis.Redis, exchange: str) -> None:
    assert read_heartbeat(client, exchange, "collector") is None
    write_heartbeat(client, exchange, beat(pid=1))
    write_heartbeat(client, exchange, beat(pid=2))
    assert read_heartbeat(client, exchange, "collector") == beat(pid=2)
    assert read_heartbeat(client, exchange, "processor") is None


@pytest.mark.parametrize(
    ("state", "age_s", "alive"),
    [
        ("running", 0, True),
        ("starting", STALE_AFTER_S - 1, True),
        ("running", STALE_AFTER_S + 1, False),
        ("stopped", 0, False),
        ("failed", 0, False),
    ],
)
def test_a_program_lives_while_it_beats_and_has_not_said_goodbye(state: str, age_s: float, alive: bool) -> None:
    assert beat(state=state).is_alive(now_us=BEAT_US + int(age_s * 1e6)) is alive


@pytest.fixture
def seat(client: redis.Redis, exchange: str) -> Callable[..., Seat]:
    def take(instance: str, *, program: Program = "collector") -> Seat:
        return Seat(client, exchange, program, instance=instance)

    return take


def test_one_instance_holds_the_lease(seat: Callable[..., Seat]) -> None:
    assert seat("a").hold()
    assert seat("a").hold()
    assert not seat("b").hold()
    assert seat("b", program="processor").hold()


def test_a_lease_given_back_is_free_and_only_its_holder_gives_it_back(seat: Callable[..., Seat]) -> None:
    assert seat("a").hold()
    seat("b").leave()
    assert not seat("b").hold()
    seat("a").leave()
    assert seat("b").hold()


def test_what_an_instance_says_is_its_programs_last_beat(client: redis.Redis, exchange: str) -> None:
    Seat(client, exchange, "processor").say("running", "all is well", streams=(), figures={"batches": 3})
    said = read_heartbeat(client, exchange, "processor")
    assert said is not None
    assert (said.program, said.pid, said.host) == ("processor", os.getpid(), socket.gethostname())
    assert (said.state, said.detail, said.figures) == ("running", "all is well", {"batches": 3})
    assert 0 <= time.time_ns() // 1000 - said.beat_at_us < 60_000_000
