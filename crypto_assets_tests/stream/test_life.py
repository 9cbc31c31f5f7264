"""What programs that work in threads have in common: alone, patient, and with last words. On a real Redis."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis
from prometheus_client import CollectorRegistry

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream.heartbeat import ENDED, NOT_ALONE, Heartbeat, Seat, StreamState, read_heartbeat
from crypto_assets.stream.life import Life
from crypto_assets_tests.services import service_settings
from crypto_assets_tests.waiting import wait_for

WAIT_S = 30.0
TOLD_IN_THE_MIDDLE = """
import os, signal, sys, threading
from crypto_assets.stream.life import run_program

class Program:
    def __init__(self, settings):
        self.lock, self.stopped = threading.Lock(), threading.Event()

    def run(self):
        with self.lock:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
        return 0 if self.stopped.wait(20) else 1

    def stop(self):
        with self.lock:
            self.stopped.set()

sys.exit(run_program(Program))
"""
"""A program to which signals come while it holds a lock that its end needs, as each `threading.Event` has one."""


class Counts:
    """Of a program that counts nothing."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def streams(self) -> tuple[StreamState, ...]:
        return ()

    def figures(self) -> dict[str, float]:
        return {"done": 1.0}


@pytest.fixture
def settings(redis_server: str, tmp_path: Path) -> Settings:
    return service_settings(tmp_path, redis_url=redis_server, simulator_seed=random.randint(10**6, 10**9))


@pytest.fixture
def life(settings: Settings) -> Life:
    return Life("processor", settings, counted=Counts())


def beat_of(life: Life) -> Heartbeat | None:
    return read_heartbeat(life.redis, life.exchange, "processor")


def test_what_is_away_is_waited_for_and_the_heartbeat_says_so(life: Life) -> None:
    failures = 0

    def write() -> str:
        nonlocal failures
        said = beat_of(life)
        if said is not None and said.detail == "PostgreSQL is away":
            return "written"
        failures += 1
        raise ServiceUnavailable("PostgreSQL is away\nand so on")

    outcomes: list[str] = []
    assert life.live(lambda: outcomes.append(life.until_done(write)), also=lambda: None) == ENDED
    assert (outcomes, failures > 1) == (["written"], True)
    said = beat_of(life)
    assert said is not None
    assert (said.state, said.detail, said.figures["done"]) == ("stopped", "", 1.0)
    assert life.redis.exists(f"market_stream:{life.exchange}:processor:lease") == 0


def test_told_to_end_it_waits_no_longer(life: Life) -> None:
    def write() -> None:
        life.stop.set()
        raise ServiceUnavailable("PostgreSQL is away")

    assert life.live(lambda: life.until_done(write), also=lambda: None) == ENDED


def test_whose_lease_another_takes_ends_with_the_words_that_say_so(life: Life, settings: Settings) -> None:
    def lose_it() -> None:
        lease = f"market_stream:{life.exchange}:processor:lease"
        life.redis.set(lease, "another")
        assert life.stop.wait(WAIT_S)

    assert life.live(lose_it, also=lambda: None) == NOT_ALONE
    said = beat_of(life)
    assert said is not None
    assert (said.state, said.detail) == ("failed", "another processor took the lease")
    assert not Seat(life.redis, exchange_name(settings), "processor").hold(), "it is not the one that gives it back"


def test_a_second_one_of_the_same_folder_ends_at_once(life: Life, settings: Settings) -> None:
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        done.wait(WAIT_S)

    first = threading.Thread(target=lambda: life.live(work, also=lambda: None))
    first.start()
    assert begun.wait(WAIT_S)
    second = Life("processor", settings, counted=Counts())
    assert second.live(lambda: None, also=lambda: None) == NOT_ALONE
    done.set()
    first.join(WAIT_S)
    assert not first.is_alive()


def test_an_error_that_nobody_expected_is_its_last_word(life: Life) -> None:
    def work() -> None:
        raise RuntimeError("no such thing")

    with pytest.raises(RuntimeError, match="no such thing"):
        life.live(work, also=lambda: None)
    said = beat_of(life)
    assert said is not None
    assert (said.state, said.detail) == ("failed", "no such thing")


def test_while_redis_does_not_take_what_is_told_beside_the_heartbeat_it_is_not_told_at_once(life: Life) -> None:
    def also() -> None:
        raise redis.ConnectionError

    def work() -> None:
        wait_for(life.redis_answers.is_set, until=lambda answers: not answers, deadline_s=WAIT_S)

    assert life.live(work, also=also) == ENDED


def test_signals_end_a_program_whatever_it_does_at_that_moment() -> None:
    assert subprocess.run([sys.executable, "-c", TOLD_IN_THE_MIDDLE], timeout=WAIT_S, check=False).returncode == ENDED
