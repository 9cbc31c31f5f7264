"""`crypto-assets backfill`: what is planned, what is refused, a run that is seen, an end by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.cli import backfill
from crypto_assets.cli.backfill import Job, plan
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.runs.events import Checked
from crypto_assets.runs.stages import Stage
from crypto_assets.runs.workers import Outcome
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES
from crypto_assets.simulator.process import start_simulator
from crypto_assets_tests.cli.conftest import PROJECT, Command
from crypto_assets_tests.waiting import wait_for

FIRST = date(2024, 8, 5)
ASKED = ("backfill", "BTCUSDT", "2024-08-05", "2024-08-06")
ONE_DATASET = """
from datetime import date
from crypto_assets.cli import backfill, main
from crypto_assets.runs.stages import Stage

backfill.plan = lambda job, first, last, **_: [Stage(("bronze_klines_15m",), first, last)]
main.main()
"""
"""The command, for one of the datasets: what the others cost is not what is tested here."""


def test_features_are_planned_with_the_days_that_they_look_back_on() -> None:
    candles, futures, features = plan(Job.MEDALLION, FIRST, date(2024, 8, 7), first_of_all=date(2023, 1, 1))
    assert (candles.first, candles.last) == (date(2024, 8, 1), date(2024, 8, 7))
    assert {SILVER_KLINES["1m"].name, BRONZE_KLINES["15m"].name} <= set(candles.assets)
    assert futures.first == date(2024, 8, 4)
    assert (features.first, features.last) == (FIRST, date(2024, 8, 7))
    assert GOLD_FEATURES.name in features.assets


@given(st.dates(min_value=date(2023, 1, 1), max_value=date(2026, 1, 1)), st.integers(0, 40), st.sampled_from(Job))
def test_no_run_is_about_a_day_that_has_no_partition(first: date, more: int, job: Job) -> None:
    last = date.fromordinal(first.toordinal() + more)
    for stage in plan(job, first, last, first_of_all=date(2023, 1, 1)):
        assert date(2023, 1, 1) <= stage.first <= first
        assert stage.last == last
        assert stage.job == job.value


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("DOGEUSDT", "2024-08-05", "2024-08-05"), "add yours to SYMBOLS"),
        (("btcusdt", "2024-08-05", "2024-08-05"), "2 to 20 capital letters"),
        (("../../BTC", "2024-08-05", "2024-08-05"), "2 to 20 capital letters"),
        (("BTCUSDT", "2024-08-06", "2024-08-05"), "holds no day"),
        (("BTCUSDT", "2019-08-05", "2024-08-05"), "Set PARTITIONS_START"),
        (("BTCUSDT", "2024-08-05", "2200-01-01"), "lies in the future"),
        (("BTCUSDT", "2024-08-05", "2024-08-05", "--job", "warehouse"), "medallion"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_runs(
    run: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(backfill, "_run", lambda *_: pytest.fail("it ran"))
    done = run("backfill", *arguments)
    assert done.status == 2
    assert said in " ".join(done.err.replace("│", " ").split())


def test_a_failed_run_is_told_with_status_1_and_its_checks(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [
        Checked("gold_features", "no_nan", passed=False, is_error=True, sentence="3 rows hold NaN."),
        Checked("gold_features", "rows", passed=True, is_error=True, sentence="1,440 rows."),
        Checked("gold_features", "freshness", passed=False, is_error=False, sentence="It is old."),
    ]
    outcome = Outcome(checks=checks, failures=["BTCUSDT gold_features: the exchange does not answer."])
    monkeypatch.setattr(backfill, "_run", lambda *_: outcome)
    done = run(*ASKED)
    assert done.status == 1
    assert done.err == "BTCUSDT gold_features: the exchange does not answer.\n"
    assert done.out.splitlines() == [
        "gold_features no_nan failed: 3 rows hold NaN.",
        "BTCUSDT 2024-08-05 to 2024-08-06, job medallion: 1 of 2 checks pass.",
    ]
    told = run(*ASKED, "--json")
    assert (told.status, told.json["succeeded"], told.json["checks"]) == (1, False, 2)


@pytest.fixture(scope="module")
def exchange() -> Iterator[dict[str, str]]:
    """Variables of a simulated exchange."""
    with start_simulator(symbols=("BTCUSDT",)) as server:
        names = ("BINANCE_ARCHIVE_URL", "BINANCE_SPOT_REST_URL", "BINANCE_FUTURES_REST_URL")
        yield {**dict.fromkeys(names, server.url), "SYMBOLS": "BTCUSDT", "PARTITIONS_START": "2024-01-01"}


def program(exchange: dict[str, str], data: Path, *days: str) -> subprocess.Popen[str]:
    """The command on one dataset, in a process of its own."""
    environment = {**os.environ, **exchange, "DATA_DIR": str(data), "PYTHONPATH": str(PROJECT)}
    environment.pop("DAGSTER_HOME", None)
    command = [sys.executable, "-c", ONE_DATASET, "backfill", "BTCUSDT", *days]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def runs_of(data: Path) -> list[dg.DagsterRun]:
    """What Dagster's page shows of a DATA_DIR."""
    with dg.DagsterInstance.from_config(str(data / "dagster")) as instance:
        return list(instance.get_runs())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR that both backfills work in, the second after the first was interrupted."""
    return tmp_path_factory.mktemp("backfill")


def test_ctrl_c_ends_the_run_and_leaves_what_was_made(exchange: dict[str, str], data: Path, environment: Path) -> None:
    done = program(exchange, data, "2024-08-01", "2024-12-05")
    made = data / "lake" / "bronze" / "klines" / "timeframe=15m" / "symbol=BTCUSDT"
    wait_for(lambda: list(made.glob("*/_manifest.json")), until=bool, deadline_s=200)
    workers = psutil.Process(done.pid).children(recursive=True)
    done.send_signal(signal.SIGINT)
    _, err = done.communicate(timeout=60)
    assert done.returncode == 130
    assert err == "Interrupted. What was written stays; a repeat goes on from there.\n"
    assert [worker for worker in workers if worker.is_running()] == []
    (run,) = runs_of(data)
    assert run.is_finished
    assert not run.is_success
    days = Lake(str(data / "lake")).days(BRONZE_KLINES["15m"], "BTCUSDT")
    assert days[0] == date(2024, 8, 1)
    assert len(days) < 127


def test_days_are_made_by_a_run_that_dagster_shows(
    exchange: dict[str, str], data: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**exchange, "DATA_DIR": str(data)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr("crypto_assets.processes.end_on_signals", lambda: None)  # this process is pytest's
    monkeypatch.setattr(backfill, "plan", lambda job, first, last, **_: [Stage(("bronze_klines_15m",), first, last)])
    done = run("backfill", "BTCUSDT", "2025-08-05", "2025-08-06")
    assert (done.status, done.err) == (0, "")  # no bar, as nobody looks at it
    assert "BTCUSDT 2025-08-05 to 2025-08-06, job medallion:" in done.out
    days = Lake(str(data / "lake")).days(BRONZE_KLINES["15m"], "BTCUSDT")
    assert {date(2025, 8, 5), date(2025, 8, 6)} <= set(days)
    shown = next(one for one in runs_of(data) if one.tags["dagster/asset_partition_range_end"] == "2025-08-06|BTCUSDT")
    assert (shown.job_name, shown.status) == ("medallion", dg.DagsterRunStatus.SUCCESS)
