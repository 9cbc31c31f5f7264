"""A report is written so that a later call can go on with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from proof.crash.disturbance import Account, Kill
from proof.crash.report import Report, read_report, write_report

KILLED = Kill(datetime(2026, 11, 20, 12, tzinfo=UTC), "share", 1, "hive_price_aggregates", "java", 3.5)
REPORT = Report(
    ("BTCUSDT",),
    (date(2024, 8, 8),),
    20,
    4.0,
    disturbed=[
        Account("speed", attempts=1, wall_s=2.0, attempt_s=2.0),
        Account("share", attempts=3, kills=[KILLED, replace(KILLED, attempt=2, kind="run", step="")], wall_s=9.0),
    ],
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "crash" / "report.json"
    assert read_report(path) is None
    write_report(REPORT, path)
    assert read_report(path) == REPORT


def test_totals_stand_beside_the_accounts(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "report.json")
    figures = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    assert figures["attempts"] == 4
    assert figures["kills"] == {"java": 1, "run": 1}
    assert figures["steps"] == {"hive_price_aggregates": 1, "none yet": 1}


def test_a_report_of_other_days_or_another_seed_is_not_gone_on_with() -> None:
    assert REPORT.goes_on_with(replace(REPORT, disturbed=[]))
    assert not REPORT.goes_on_with(replace(REPORT, seed=21))
    assert not REPORT.goes_on_with(replace(REPORT, symbols=("BTCUSDT", "ETHUSDT")))
