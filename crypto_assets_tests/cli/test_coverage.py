"""`crypto-assets coverage` and `gaps`: what there is, and what was lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.cli import coverage
from crypto_assets.lake.lake import Lake
from crypto_assets.stream.gap_table import GAP_LEDGER, gap_table
from crypto_assets.stream.gaps import Gap
from crypto_assets_tests.cli.conftest import Command

NOTICED = datetime(2024, 8, 1, 4, 10, tzinfo=UTC)


def gap(number: int, **changes: object) -> Gap:
    start = NOTICED - timedelta(minutes=10)
    gap = Gap(
        gap_id=f"klines:BTCUSDT:1m:{number}",
        dataset="klines",
        symbol="BTCUSDT",
        timeframe="1m",
        start=start,
        end=NOTICED,
        cause="disconnected",
        state="repaired",
        detail="10 rows came from REST",
        noticed_at=NOTICED,
        changed_at=NOTICED,
        recovered=10,
    )
    return gap.become("open", now=NOTICED, detail="10 candles did not come closed") if changes.get("is_open") else gap


def test_a_calendar_has_a_character_for_each_day(run: Command) -> None:
    done = run(
        "coverage",
        "gold_features",
        "bronze_trades",
        "--symbol",
        "BTCUSDT",
        "--from",
        "2024-07-30",
        "--to",
        "2024-08-05",
    )
    assert done.out.splitlines() == [
        "2024-07               30",
        "gold_features BTCUSDT ··",
        "bronze_trades BTCUSDT ··",
        "2024-08               1   5",
        "gold_features BTCUSDT ▄▄·▄·",
        "bronze_trades BTCUSDT ■····",
        "▄ partial 3   ■ present 1   · absent 10   ",
    ]


def test_every_state_has_a_mark_of_its_own() -> None:
    from crypto_assets.health.calendar import DayState

    assert set(coverage.MARKS) == set(DayState.__value__.__args__)
    assert len({mark for mark, _ in coverage.MARKS.values()}) == len(coverage.MARKS)


def test_coverage_is_json_too(run: Command) -> None:
    asked = ("coverage", "gold_features", "--from", "2024-08-01", "--to", "2024-08-01", "--json")
    found = run(*asked).json
    assert [(day["symbol"], day["day"], day["state"], day["rows"]) for day in found] == [
        ("BTCUSDT", "2024-08-01", "partial", 3),
        ("ETHUSDT", "2024-08-01", "partial", 2),
    ]


def test_days_without_anything_say_what_to_run(run: Command) -> None:
    done = run("coverage", "silver_orderbook", "--from", "2024-08-01", "--to", "2024-08-02")
    assert done.status == 0
    assert "crypto-assets backfill SYMBOL FROM TO" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("../ckpts",),
        ("gold_features", "--symbol", "../BTC"),
        ("gold_features", "--from", "2024-08-02", "--to", "2024-08-01"),
    ],
)
def test_a_coverage_that_cannot_be_is_refused(run: Command, arguments: tuple[str, ...]) -> None:
    done = run("coverage", *arguments)
    assert done.status == 2
    assert "Traceback" not in done.err


def test_without_kafka_the_gaps_are_those_that_the_lake_kept(
    run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    ledger = gap_table([gap(1), gap(2, is_open=True)])
    Lake(str(tmp_path / "lake")).publish(GAP_LEDGER, "simulator-7", NOTICED.date(), ledger)
    done = run("gaps")
    assert done.status == 0
    assert [line.split()[:3] for line in done.out.splitlines()[1:]] == [["klines", "1m", "BTCUSDT"]] * 2
    assert done.err.startswith("1 open, 1 repaired, by the copy in the lake of 20")
    assert [one["state"] for one in run("gaps", "--json").json] == ["repaired", "open"]
    assert [one["gap_id"] for one in run("gaps", "--open", "--json").json] == ["klines:BTCUSDT:1m:2"]


def test_without_any_ledger_it_is_said_where_it_was_looked_for(run: Command) -> None:
    done = run("gaps")
    assert (done.status, done.out) == (1, "")
    assert "No kafka runs" in done.err
    assert "The lake has no copy" in done.err


def test_no_gap_is_an_answer(run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    Lake(str(tmp_path / "lake")).publish(GAP_LEDGER, "simulator-7", NOTICED.date(), gap_table([]))
    assert run("gaps").out.startswith("No gaps, by the copy in the lake")
