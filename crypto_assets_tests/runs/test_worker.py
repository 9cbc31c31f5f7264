"""Runs that a worker does, and what is left of them where it is killed."""

from __future__ import annotations

import os
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.dagster_home import PROJECT, prepare_dagster_home
from crypto_assets.runs.events import Order
from crypto_assets.runs.worker import run_order
from crypto_assets.runs.workers import Worker, run_workers
from crypto_assets_tests.waiting import wait_for
from proof.crash.child import forking

POOL_LIMIT = 4
"""As dagster.yaml has it."""
DEADLINE_S = 60.0


def run_in_pool(home: Path, *, begun: Path | None) -> None:
    """A run of an asset in a pool; with `begun` it makes this file in the middle, and goes no further."""

    @dg.asset(pool="exchange")
    def asks_the_exchange() -> None:
        while begun is not None:
            begun.touch()
            time.sleep(0.01)

    with dg.DagsterInstance.from_config(str(home)) as instance:
        order = Order(None, ("asks_the_exchange",), {})
        if not run_order(order, definitions=dg.Definitions([asks_the_exchange]), instance=instance):
            os._exit(1)


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    return forking(__name__)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return prepare_dagster_home(tmp_path, environment={})


def kill_in_the_middle(context: ForkServerContext, home: Path, *, begun: Path) -> None:
    child = context.Process(target=run_in_pool, args=(home,), kwargs={"begun": begun})
    child.start()
    wait_for(begun.exists, until=bool, deadline_s=DEADLINE_S)
    child.kill()
    child.join()


def test_runs_that_were_killed_keep_no_place_in_a_pool(context: ForkServerContext, home: Path) -> None:
    for number in range(POOL_LIMIT):
        kill_in_the_middle(context, home, begun=home / f"begun-{number}")
    child = context.Process(target=run_in_pool, args=(home,), kwargs={"begun": None})
    child.start()
    child.join(DEADLINE_S)
    waits = child.is_alive()
    child.kill()
    assert not waits, "it waits for places that runs hold which were killed"
    assert child.exitcode == 0


def test_a_run_that_was_killed_is_told_of_as_failed_by_the_next_one(context: ForkServerContext, home: Path) -> None:
    kill_in_the_middle(context, home, begun=home / "begun")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (killed,) = instance.get_runs()
        assert killed.status is dg.DagsterRunStatus.STARTED
    run_in_pool(home, begun=None)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert {run.run_id: run.status for run in instance.get_runs()}[killed.run_id] is dg.DagsterRunStatus.FAILURE
        assert instance.event_log_storage.get_concurrency_info("exchange").active_slot_count == 0


def test_what_is_no_event_goes_to_the_log_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker("noisy", ("crypto_assets_tests.runs.noisy_worker",), 2)
    monkeypatch.chdir(tmp_path)

    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    outcome = run_workers([worker], environment=environment, logs=tmp_path, parallel=1, with_bars=False)

    assert outcome.failures == []
    assert set((tmp_path / "noisy.log").read_text().splitlines()) == {
        str(tmp_path),
        "a library prints",
        "# A fatal error has been detected by Java",
    }


def test_a_run_that_still_goes_on_is_left_alone(context: ForkServerContext, home: Path) -> None:
    child = context.Process(target=run_in_pool, args=(home,), kwargs={"begun": home / "begun"})
    child.start()
    try:
        wait_for((home / "begun").exists, until=bool, deadline_s=DEADLINE_S)
        run_in_pool(home, begun=None)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            statuses = sorted(run.status.value for run in instance.get_runs())
            assert statuses == ["STARTED", "SUCCESS"]
            assert instance.event_log_storage.get_concurrency_info("exchange").active_slot_count == 1
    finally:
        child.kill()
        child.join()
