"""A unit of work is tried until it is done, and what was killed meanwhile is written down."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, repeat
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

from crypto_assets_tests.waiting import wait_for
from proof.crash.blows import Aim, Blow
from proof.crash.child import forking, start
from proof.crash.disturbance import MOST_ATTEMPTS, Disturber, NeverDone, Start, complete, step_of

SUCCEEDS_AT = 3
LATER = Blow(wait=1_000.0, aim="run", pick=0.0)
BEGINS = "dagster - DEBUG - medallion - run - 1 - bronze_klines_1m - STEP_START - begins"
WAITS = "import sys; sys.stdin.read()"
"""As long as the process that started it lives."""


class Services:
    """Stands for services: it only counts."""

    def __init__(self) -> None:
        self.killed: list[str] = []
        self.healed = 0

    def processes(self) -> dict[str, int]:
        return {"postgres": 1, "s3": 2}

    def kill(self, names: Iterable[str]) -> None:
        self.killed += names

    def await_well(self, *, deadline_s: float) -> float:
        del deadline_s
        self.healed += 1
        return 0.0


def last_attempt_only(attempts: Path) -> None:
    """Waits for ever for what it has started, but at the third attempt."""
    with attempts.open("a") as file:
        file.write("x")
    if len(attempts.read_text()) < SUCCEEDS_AT:
        child = subprocess.Popen([sys.executable, "-c", WAITS], stdin=subprocess.PIPE)
        print(BEGINS, flush=True)
        if child.wait():
            sys.exit(1)


def fail() -> None:
    print("no more", flush=True)
    sys.exit(1)


def hang() -> None:
    time.sleep(600)


def once_an_attempt(log: Path, aim: Aim, *, pick: float) -> Iterator[Blow]:
    """A blow in each attempt but the last one, as soon as it has begun its step."""
    for attempt in range(1, SUCCEEDS_AT):
        await_step(log, attempt)
        yield Blow(0.0, aim, pick)
        if aim != "run":  # the attempt goes on
            yield LATER
    yield from repeat(LATER)


def await_step(log: Path, attempt: int) -> None:
    """Until that attempt has begun its step."""
    wait_for(
        lambda: log.read_text().count(BEGINS) if log.exists() else 0,
        until=lambda begun: begun >= attempt,
        deadline_s=60,
    )


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    return forking(__name__)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "01.log"


@pytest.fixture
def starts(context: ForkServerContext, tmp_path: Path, log: Path) -> Start:
    work = partial(last_attempt_only, tmp_path / "attempts")
    return partial(start, context, work, environment=dict(os.environ), log=log)


def test_a_killed_run_is_tried_again_until_it_succeeds(starts: Start, log: Path) -> None:
    disturber = Disturber(once_an_attempt(log, "run", pick=0.9), 4.0, Services())
    account = disturber.complete("candles", starts, log=log)
    assert account.attempts == SUCCEEDS_AT
    assert [(kill.unit, kill.attempt, kill.step, kill.kind) for kill in account.kills] == [
        ("candles", 1, "bronze_klines_1m", "run"),
        ("candles", 2, "bronze_klines_1m", "run"),
    ]
    assert account.unprovoked == []


def test_what_a_run_has_started_is_killed_in_its_place(starts: Start, log: Path) -> None:
    disturber = Disturber(once_an_attempt(log, "family", pick=0.0), 4.0, Services())
    account = disturber.complete("candles", starts, log=log)
    assert account.attempts == SUCCEEDS_AT
    assert [kill.kind for kill in account.kills] == ["python", "python"]


def test_a_service_that_was_killed_is_started_again(starts: Start, log: Path) -> None:
    services = Services()
    blows = chain([Blow(0.0, "service", 0.9)], once_an_attempt(log, "run", pick=0.0))
    account = Disturber(blows, 4.0, services).complete("candles", starts, log=log)
    assert account.kills[0].kind == "s3"
    assert services.killed == ["s3"]
    assert services.healed >= 1


def test_an_interrupted_run_is_ended(starts: Start, log: Path) -> None:
    children: list[ForkServerProcess] = []

    def kept() -> ForkServerProcess:
        children.append(starts())
        return children[0]

    def interrupted() -> Iterator[Blow]:
        await_step(log, 1)
        raise KeyboardInterrupt
        yield LATER

    with pytest.raises(KeyboardInterrupt):
        Disturber(interrupted(), 4.0, Services()).complete("candles", kept, log=log)
    assert not children[0].is_alive()


def test_what_fails_by_itself_again_and_again_is_given_up(context: ForkServerContext, log: Path) -> None:
    starts = partial(start, context, fail, environment=dict(os.environ), log=log)
    with pytest.raises(NeverDone, match="candles fails although nothing is killed any more: no more"):
        Disturber(repeat(LATER), 4.0, Services()).complete("candles", starts, log=log)
    with pytest.raises(NeverDone, match="candles fails although nothing is killed: no more"):
        complete("candles", starts, log=log)


def test_what_hangs_however_long_it_is_left_alone_is_given_up(context: ForkServerContext, log: Path) -> None:
    starts = partial(start, context, hang, environment=dict(os.environ), log=log)
    with pytest.raises(NeverDone, match=f"candles is not done after {MOST_ATTEMPTS} attempts"):
        Disturber(repeat(Blow(0.0, "run", 0.0)), 4.0, Services()).complete("candles", starts, log=log)


def test_the_step_is_the_newest_of_the_attempt(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x - silver_klines_1m - STEP_START - y\n")
    assert step_of(log, since=0) == "silver_klines_1m"
    assert step_of(log, since=log.stat().st_size) == ""
    assert step_of(tmp_path / "none", since=0) == ""
