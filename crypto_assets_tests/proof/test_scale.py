"""The measurements of scale, with counts so small that what they say is known beforehand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.workspace import write_archive
from crypto_assets.config import Exchange, Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.partitions import DaySymbol
from crypto_assets_tests.waiting import wait_for
from proof.scale import backfill
from proof.scale.asking import ask
from proof.scale.delays import delay_of
from proof.scale.event_log import sqlite_log
from proof.scale.figures import Figure, publish
from proof.scale.filling import Told, days_for, fill, flush_of, stand_ins, years_of
from proof.scale.live import names_of
from proof.scale.questions import AUTOMATION, Graph
from proof.scale.watching import Watch

FIRST = date(2024, 8, 1)
BRONZE, SILVER = dg.AssetKey("bronze_klines_1m"), dg.AssetKey("silver_klines_1m")
TOLD = [
    Told(BRONZE, {"rows": 1_440}, {}, (dg.AssetCheckEvaluation(BRONZE, "has_rows", passed=True, metadata={}),)),
    Told(SILVER, {"rows": 1_440}, {}, ()),
]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return Settings(data_dir=tmp_path, symbols=("BTCUSDT", "ETHUSDT"), partitions_start=FIRST)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return tmp_path / "dagster"


@pytest.fixture
def filled(settings: Settings, home: Path) -> Iterator[dg.DagsterInstance]:
    days = DaySymbol.of(settings)
    real = build_definitions(settings)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        years = [years_of(symbol, FIRST, date(2024, 8, 3), told=TOLD) for symbol in days.symbols]
        flush = flush_of(days, date(2024, 8, 3), told=TOLD)
        fill([*years, flush], definitions=stand_ins(TOLD, days, real=real), instance=instance)
        yield instance


def test_an_instance_is_filled_with_each_day_of_each_symbol(filled: dg.DagsterInstance, home: Path) -> None:
    held = filled.get_materialized_partitions(SILVER)
    assert held == {f"2024-08-0{day}|{symbol}" for day in (1, 2, 3) for symbol in ("BTCUSDT", "ETHUSDT")}
    newest = filled.get_latest_materialization_event(SILVER)
    assert newest is not None
    assert newest.asset_materialization is not None
    assert newest.asset_materialization.metadata["rows"].value == 1_440
    log = sqlite_log(home)
    assert log.rows["ASSET_MATERIALIZATION"] == 2 * 2 * 3 + 2  # two years of two assets, and a flush of two symbols
    assert log.rows["ASSET_CHECK_EVALUATION"] == 3
    assert (log.run_files, log.run_files_bytes < log.bytes) == (3, True)


def test_the_sensor_of_automation_is_asked_on_it(filled: dg.DagsterInstance, settings: Settings) -> None:
    graph = Graph(settings, filled, build_definitions(settings), {})
    asked = ask("tick", lambda: graph.tick(AUTOMATION))
    assert asked.answer.startswith("0 runs, 0 events.")
    assert asked.statements > 0
    assert graph.cursors[AUTOMATION]


@given(st.integers(1, 50_000), st.integers(1, 20), st.integers(1, 20))
def test_the_days_are_enough_for_the_partitions(partitions: int, symbols: int, assets: int) -> None:
    first, last = days_for(partitions, symbols=symbols, assets=assets, until=date(2026, 11, 22))
    assert last == date(2026, 11, 21)
    assert 0 <= ((last - first).days + 1) * symbols * assets - partitions < 2 * symbols * assets


def test_a_backfill_says_what_it_took_and_left(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded"
    write_archive(recorded, first=backfill.FIRST, days=2)
    found = backfill.fill(tmp_path / "two", days=2, recorded=recorded, assets=[BRONZE.to_user_string()])
    assert (found.materialized, found.rows) == (2, {"bronze": 2 * 1_440})
    assert found.log.rows["ASSET_MATERIALIZATION"] == 2
    assert found.cpu_s > 0
    assert {step.name for step in found.steps} >= {BRONZE.to_user_string()}
    lines = {figure.what: figure for figure in backfill.figures([found])}
    assert lines["asset partitions"].values == {"2 days": 2}


def test_a_program_that_has_ended_stays_what_it_was() -> None:
    busy = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    with subprocess.Popen([sys.executable, "-c", f"{busy}\ninput()"], stdin=subprocess.PIPE) as child:
        with Watch(lambda: {"parent": os.getpid()}, kinds={"child": "process_time"}, sample_s=0.05) as watch:
            wait_for(
                lambda: watch.costs().get("child"),
                until=lambda cost: cost is not None and cost.cpu_s > 0.25,
                deadline_s=60,
            )
            child.kill()  # nobody has waited for it yet: a zombie, which has no command line
            seen = wait_for(watch.samples, until=lambda number: number > 0, deadline_s=60)
            wait_for(watch.samples, until=lambda number: number > seen + 2, deadline_s=60)
        assert watch.costs()["child"].cpu_s < 2
        assert watch.costs()["child"].peak_mb > 1


def test_a_delay_that_is_longer_and_longer_grows() -> None:
    assert not delay_of([0.1] * 400).grows
    assert not delay_of([0.1] * 399 + [60.0]).grows
    growing = delay_of([0.1 * second for second in range(400)])
    assert growing.grows
    assert growing.p99_s == pytest.approx(39.5)


def test_symbols_are_distinct_however_many() -> None:
    names = names_of(90)
    assert len(set(names)) == 90
    Settings(symbols=names, exchange=Exchange.SIMULATOR)  # pyright: ignore[reportCallIssue]


def test_figures_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = [Figure("wall", {"30 days": 12.5, "365 days": 1_234.5}, "s"), Figure("verdict", {"30 days": "holds"})]
    publish("backfill", "A title", figures, {"at": datetime(2026, 11, 22, tzinfo=UTC)}, folder=tmp_path)
    printed = capsys.readouterr().out
    assert "1,234" in printed
    kept = json.loads((tmp_path / "backfill.json").read_text())
    assert kept["figures"][0]["values"] == {"30 days": 12.5, "365 days": 1_234.5}
