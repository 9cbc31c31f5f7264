"""A unit of work is tried until it is done, and what was killed meanwhile is written down."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from itertools import repeat
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from proof.crash.blows import Aim, Blow
from proof.crash.child import start
from proof.crash.disturbance import Disturber, NeverDone, complete, step_of
from proof.crash.work import Extent, plan_work

SLOW = "import time; time.sleep(600)"


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


def until_third_attempt(folder: Path) -> None:
    """Never ends, but at the third attempt."""
    with (folder / "attempts").open("a") as file:
        file.write("x")
    if len((folder / "attempts").read_text()) < 3:
        print("dagster - DEBUG - medallion - run - 1 - bronze_klines_1m - STEP_START - begins", flush=True)
        subprocess.run([sys.executable, "-c", SLOW], check=True)


def failing() -> None:
    print("no more\n", flush=True)
    sys.exit(1)


@pytest.fixture(scope="module")
def plain() -> ForkServerContext:
    return multiprocessing.get_context("forkserver")


def disturber_of(aim: Aim) -> Disturber:
    return Disturber(repeat(Blow(1.0, aim, 0.9)), 4.0, Services())


def test_a_killed_run_is_tried_again_until_it_succeeds(plain: ForkServerContext, tmp_path: Path) -> None:
    log = tmp_path / "log"
    disturber = disturber_of("run")
    starts = partial(start, plain, partial(until_third_attempt, tmp_path), environment=dict(os.environ), log=log)
    account = disturber.complete("candles", starts, log=log)
    assert account.attempts == 3
    assert [(kill.attempt, kill.step, kill.kind) for kill in account.kills] == [
        (1, "bronze_klines_1m", "run"),
        (2, "bronze_klines_1m", "run"),
    ]
    assert account.kills[1].after_s >= 5.0
    assert account.unprovoked == []


def test_what_a_run_has_started_is_killed_in_its_place(plain: ForkServerContext, tmp_path: Path) -> None:
    log = tmp_path / "log"
    disturber = disturber_of("family")
    starts = partial(start, plain, partial(until_third_attempt, tmp_path), environment=dict(os.environ), log=log)
    account = disturber.complete("candles", starts, log=log)
    assert [kill.kind for kill in account.kills] == ["python", "python"]


def test_a_service_that_was_killed_is_started_again(plain: ForkServerContext, tmp_path: Path) -> None:
    log = tmp_path / "log"
    services = Services()
    blows = iter([Blow(1.0, "service", 0.9), *(Blow(0.2, "run", 0.0) for _ in range(9))])
    starts = partial(start, plain, partial(until_third_attempt, tmp_path), environment=dict(os.environ), log=log)
    account = Disturber(blows, 4.0, services).complete("candles", starts, log=log)
    assert account.kills[0].kind == "s3"
    assert services.killed == ["s3"]
    assert services.healed >= 1


def test_what_fails_by_itself_again_and_again_is_given_up(plain: ForkServerContext, tmp_path: Path) -> None:
    log = tmp_path / "log"
    disturber = disturber_of("run")
    starts = partial(start, plain, failing, environment=dict(os.environ), log=log)
    with pytest.raises(NeverDone, match="candles fails although nothing is killed any more: no more"):
        disturber.complete("candles", starts, log=log)
    with pytest.raises(NeverDone, match="candles fails although nothing is killed: no more"):
        complete("candles", starts, log=log)


def test_the_step_is_the_newest_of_the_attempt(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x - silver_klines_1m - STEP_START - y\n")
    assert step_of(log, since=0) == "silver_klines_1m"
    assert step_of(log, since=log.stat().st_size) == ""
    assert step_of(tmp_path / "none", since=0) == ""


def test_the_work_is_the_whole_batch_graph() -> None:
    units = plan_work(Extent(("BTCUSDT", "ETHUSDT", "BNBUSDT"), 3))
    names = [unit.name for unit in units]
    assert len(names) == len(set(names)) == 45
    for name in ("trades BNBUSDT", "seconds ETHUSDT", "speed", "warehouse", "share", "promotion BTCUSDT"):
        assert name in names
