from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crypto_assets.endpoints import exchange_name
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.calendar import DayCoverage, DayState
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.lag import StreamLag, program_health
from crypto_assets.health.report import MEDALLION, HealthReport, Problem, make_report
from crypto_assets.health.rows import ReportRow, report_rows
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES
from crypto_assets.stream.gap_table import GAP_LEDGER, gap_table
from crypto_assets_tests.health.small_lake import DAY, NEXT_MORNING, SYMBOL, at, gap, gold, put_bronze, put_silver
from crypto_assets_tests.services import service_settings

SYMBOLS = (SYMBOL, "ETHUSDT")


def report_of(
    lake: Lake,
    folder: Path,
    *,
    now: datetime = NEXT_MORNING,
    day: date = DAY,
    checks: list[CheckResult] | None = None,
) -> HealthReport:
    settings = service_settings(folder / "data", symbols=SYMBOLS)
    programs = program_health(settings, now=now)
    return make_report(lake, settings, day=day, now=now, programs=programs, checks=checks, runs=None)


def row(report: HealthReport, section: str, dataset: str, metric: str, symbol: str = SYMBOL) -> ReportRow:
    place = (section, dataset, symbol, metric)
    (found,) = (r for r in report_rows(report) if (r.section, r.dataset, r.symbol, r.metric) == place)
    return found


def test_each_figure_of_a_day_is_that_of_its_files(lake: Lake, tmp_path: Path) -> None:
    put_bronze(lake, range(1440))
    put_silver(lake, minutes=range(1400))
    put_silver(lake, symbol="ETHUSDT")
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=1400, columns={"rsi_14_1m": [101.0] * 1400}))
    exchange = exchange_name(service_settings(tmp_path))
    gaps = [gap(at(3), at(3, 5), state="open"), gap(at(24), at(25), state="open")]
    lake.publish(GAP_LEDGER, exchange, DAY, gap_table(gaps))
    report = report_of(lake, tmp_path)

    assert report.problems == ()
    assert row(report, "completeness", "silver_klines_1m", "share").value == 1400 / 1440
    assert row(report, "completeness", "silver_klines_1m", "share").status == "failed"
    assert row(report, "completeness", "silver_klines_1m", "share", "ETHUSDT").status == "ok"
    assert row(report, "completeness", "bronze_klines_1m", "rows").status == "ok"
    assert row(report, "completeness", "gold_features", "rows").status == "warning"
    assert row(report, "completeness", "gold_features", "rows").sentence.startswith(
        "gold_features 2024-08-05 BTCUSDT: 1,400/1,440 rows. Run: dagster job execute"
    )
    assert row(report, "features", "gold_features", "out_of_range").value == 1
    assert row(report, "features", "gold_features", "features").status == "failed"
    assert row(report, "features", "gold_features", "features", "ETHUSDT").status == "absent"
    assert (row(report, "gaps", "trades", "lost").value, row(report, "gaps", "trades", "lost").status) == (5, "warning")
    assert row(report, "storage", "silver/klines_1m", "files", "").value == 2
    assert row(report, "cost", report.cost.prices.name if report.cost else "", "total", "").unit == "USD"
    assert row(report, "disk", str(tmp_path / "data"), "free_share", "").unit == "1"


def test_every_dataset_of_the_medallion_is_in_it_for_every_symbol(lake: Lake, tmp_path: Path) -> None:
    report = report_of(lake, tmp_path)
    wanted = {(dataset.name, symbol) for dataset in MEDALLION for symbol in SYMBOLS}
    assert {(write.dataset, write.symbol) for write in report.writes} == wanted
    assert {(f.dataset, f.symbol) for f in (*report.completeness, *report.coverage)} == wanted


def test_an_empty_lake_is_absent_with_the_commands_that_fill_it(lake: Lake, tmp_path: Path) -> None:
    report = report_of(lake, tmp_path, checks=[])
    rows = report_rows(report)
    assert {found.status for found in rows} == {"absent", "ok"}
    assert all("Run: " in found.sentence for found in rows if found.status == "absent" and found.section != "streams")
    assert row(report, "freshness", "bronze_trades", "last_write").sentence == (
        "bronze_trades BTCUSDT: never materialised. Run: dagster asset materialize -m crypto_assets.definitions "
        "--select bronze_trades --partition '2024-08-05|BTCUSDT'"
    )
    assert {found.section for found in rows} >= {"checks", "freshness", "completeness", "features", "gaps", "disk"}


def test_a_day_is_stale_once_a_later_one_ought_to_be_there(lake: Lake, tmp_path: Path) -> None:
    put_silver(lake)
    dataset = SILVER_KLINES["1m"].name
    next_day = DAY + timedelta(days=1)
    assert row(report_of(lake, tmp_path), "freshness", dataset, "last_write").status == "ok"
    runs = report_of(lake, tmp_path, day=next_day, now=at(30))
    assert row(runs, "freshness", dataset, "last_write").status == "ok"
    over = row(report_of(lake, tmp_path, day=next_day, now=at(48)), "freshness", dataset, "last_write")
    assert over.status == "warning"
    assert "1 day behind. Run: dagster job execute" in over.sentence
    assert "2024-08-06|BTCUSDT" in over.sentence


def test_a_day_that_runs_wants_only_closed_minutes(lake: Lake, tmp_path: Path) -> None:
    put_silver(lake, minutes=range(600), known_until=at(10))
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=595))
    report = report_of(lake, tmp_path, now=at(10, 4))
    assert not report.is_over
    assert row(report, "completeness", "silver_klines_1m", "share").status == "ok"
    assert row(report, "completeness", "silver_klines_1m", "expected").value == 600
    assert row(report, "completeness", "gold_features", "rows").status == "ok"
    early = report_of(lake, tmp_path, now=at(0, 0), day=DAY)
    assert row(early, "completeness", "silver_klines_1m", "share", "ETHUSDT").status == "ok"


def test_what_is_damaged_is_told_and_the_rest_stands(lake: Lake, tmp_path: Path) -> None:
    put_silver(lake)
    put_silver(lake, symbol="ETHUSDT")
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=1440))
    put_bronze(lake, range(3))
    for path in (
        SILVER_KLINES["1m"].partition_path("ETHUSDT", DAY),
        GOLD_FEATURES.partition_path("ETHUSDT", DAY),
        f"{BRONZE_KLINES['1m'].partition_path('ETHUSDT', DAY)}/_manifest.json",
    ):
        lake.files.publish(path, b"{ damaged")
    report = report_of(lake, tmp_path)
    told = {(problem.section, problem.dataset, problem.symbol) for problem in report.problems}
    assert told == {
        *((section, dataset, "ETHUSDT") for section in ("freshness", "completeness") for dataset in (
            "silver_klines_1m", "gold_features", "bronze_klines_1m"
        )),
        ("features", "gold_features", "ETHUSDT"),
        ("cost", "", ""),
    }  # fmt: skip
    assert row(report, "completeness", "silver_klines_1m", "looked_at", "ETHUSDT").status == "unknown"
    assert row(report, "completeness", "silver_klines_1m", "share").status == "ok"
    assert row(report, "features", "gold_features", "features").status == "ok"


@pytest.mark.parametrize("severity", ["WARN", "ERROR"])
def test_a_failed_check_is_told_as_badly_as_it_is(lake: Lake, tmp_path: Path, severity: str) -> None:
    key = f"{DAY}|{SYMBOL}"
    failed = CheckResult("gold_features", "ranges", key, False, severity, f"{key}: rsi is 101.", at(26), "run")
    own = CheckResult("health_report", "no_failures", str(DAY), False, "WARN", "itself", at(26), "run")
    report = report_of(lake, tmp_path, checks=[failed, own])
    found = row(report, "checks", "gold_features", "ranges")
    assert (found.status, found.value) == ({"WARN": "warning", "ERROR": "failed"}[severity], 0)
    assert found.sentence == "gold_features ranges, 2024-08-05|BTCUSDT: rsi is 101."
    assert report.checks == (failed,)


def covered(state: DayState, *, rows: int | None, expected: int | None = None) -> DayCoverage:
    return DayCoverage("bronze_trades", SYMBOL, DAY, state, rows, expected)


@pytest.mark.parametrize(
    ("found", "status", "sentence"),
    [
        (covered("absent", rows=None), "absent", "never materialised. Run: dagster asset materialize"),
        (covered("partial", rows=7, expected=9), "warning", "7/9 rows. Run: dagster asset materialize"),
        (covered("halt", rows=7, expected=7), "ok", "7/7 rows; the exchange halted for the rest of the day."),
        (
            covered("retired", rows=1_234),
            "ok",
            "deleted by retention, once what is made from its 1,234 rows was verified.",
        ),
        (covered("future", rows=None), "ok", "the day has not begun."),
        (covered("complete", rows=9, expected=9), "ok", "9/9 rows."),
        (covered("empty", rows=0), "ok", "0 rows."),
    ],
)
def test_a_day_of_a_dataset_is_told_by_its_state(
    lake: Lake, tmp_path: Path, found: DayCoverage, status: str, sentence: str
) -> None:
    report = replace(report_of(lake, tmp_path), coverage=(found,))
    told = row(report, "completeness", "bronze_trades", "rows")
    assert told.status == status
    assert told.sentence.startswith(f"bronze_trades 2024-08-05 BTCUSDT: {sentence}")
    asked = [one for one in report_rows(report) if (one.dataset, one.metric) == ("bronze_trades", "expected")]
    assert [one.value for one in asked] == ([] if found.expected is None else [found.expected])


def test_runs_that_failed_are_told_one_by_one_and_all_of_them_are_counted(lake: Lake, tmp_path: Path) -> None:
    def run(number: int, status: str, **changes: Any) -> RunState:
        fields = {"job": "medallion", "started_at": at(1), "ended_at": at(2), "partition": f"{DAY}|{SYMBOL}"}
        return RunState(f"{number:012d}", status=status, **{**fields, "sentence": "It broke.", **changes})

    whole = run(3, "FAILURE", job="__ASSET_JOB", partition=None, assets=("a", "b"))
    report = replace(report_of(lake, tmp_path), runs=(run(1, "SUCCESS"), run(2, "FAILURE"), whole))
    told = [one.sentence for one in report_rows(report) if one.section == "runs"]
    assert told == [
        "Run 00000000 of medallion (2024-08-05|BTCUSDT) failed: It broke.",
        "Run 00000000 of a, b (no partition) failed: It broke.",
        "3 runs about 2024-08-05 or on it, 2 failed and not repeated since.",
    ]


def test_each_stream_has_its_lag_and_a_late_one_warns(lake: Lake, tmp_path: Path) -> None:
    lags = tuple(
        StreamLag("collector", "trades", symbol, lag, 3.5, None, False)
        for symbol, lag in ((SYMBOL, 0.1), ("ETHUSDT", 61))
    )
    report = replace(report_of(lake, tmp_path), lags=lags)
    assert row(report, "streams", "collector.trades", "lag").status == "ok"
    assert row(report, "streams", "collector.trades", "rate").value == 3.5
    late = row(report, "streams", "collector.trades", "lag", "ETHUSDT")
    assert (late.status, late.value, late.sentence) == (
        "warning",
        61,
        "collector, trades ETHUSDT: 61.0 s behind, 3.5 messages/s.",
    )


def test_a_ledger_of_gaps_that_could_not_be_read_is_not_called_absent(lake: Lake, tmp_path: Path) -> None:
    report = report_of(lake, tmp_path)
    assert [one.status for one in report_rows(report) if one.section == "gaps"] == ["absent"]
    damaged = replace(report, problems=(Problem("gaps", GAP_LEDGER.name, "", "It is no Parquet."),))
    assert [one.status for one in report_rows(damaged) if one.section == "gaps"] == ["unknown"]
