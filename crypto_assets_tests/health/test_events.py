from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from crypto_assets.health.events import CheckResult, RunState, checks_of_day, is_about, runs_of_day, symbol_of
from crypto_assets_tests.health.small_lake import DAY, at

KEY = f"{DAY}|BTCUSDT"


def check(
    partition: str | None, *, moment: datetime, passed: bool = True, asset: str = "gold_features", name: str = "ranges"
) -> CheckResult:
    return CheckResult(asset, name, partition, passed, "ERROR", "said", moment, "run")


def run(partition: str | None, *, moment: datetime | None, status: str = "SUCCESS", job: str = "medallion") -> RunState:
    return RunState(f"{moment}", job, status, moment, None, partition, "")


@pytest.mark.parametrize(
    ("partition", "about"),
    [
        (KEY, True),
        ("2024-08-05", True),
        ("2024-08-04|BTCUSDT...2024-08-06|BTCUSDT", True),
        ("2024-08-05|BTCUSDT...2024-08-05|ETHUSDT", True),
        ("2024-08-06|BTCUSDT...2024-08-09|BTCUSDT", False),
        ("2024-08-01|BTCUSDT...2024-08-04|BTCUSDT", False),
        ("2024-08-06", False),
        ("something", False),
        (None, False),
    ],
)
def test_a_partition_or_a_range_is_about_the_days_that_it_holds(partition: str | None, *, about: bool) -> None:
    assert is_about(partition, DAY) is about


def test_the_symbol_of_a_partition_is_told_and_of_a_range_of_symbols_both_ends() -> None:
    assert symbol_of(KEY) == "BTCUSDT"
    assert symbol_of("2024-08-05") == ""
    assert symbol_of("2024-08-01|BTCUSDT...2024-08-07|BTCUSDT") == "BTCUSDT"
    assert symbol_of("2024-08-01|BTCUSDT...2024-08-07|ETHUSDT") == "BTCUSDT...ETHUSDT"
    assert symbol_of(None) == ""


def test_of_several_results_about_a_day_the_newest_counts() -> None:
    late = at(24 * 30)
    failed = check("2024-08-01|BTCUSDT...2024-08-07|BTCUSDT", moment=late, passed=False)
    repaired = check(KEY, moment=late + timedelta(minutes=1))
    other_symbol = check(f"{DAY}|ETHUSDT", moment=late, passed=False)
    assert checks_of_day([failed, repaired, other_symbol], DAY) == [repaired, other_symbol]


def test_results_given_on_the_day_about_another_one_are_told_too() -> None:
    yesterday = check("2024-08-04|BTCUSDT", moment=at(1))
    stream = check(None, moment=at(12), asset="trade_stream")
    next_day = check("2024-08-04|BTCUSDT", moment=at(24))
    before = check(None, moment=at(0) - timedelta(microseconds=1))
    assert checks_of_day([yesterday, stream, next_day, before], DAY) == [stream, yesterday]


def test_a_run_that_was_repeated_well_is_no_failure() -> None:
    failed = run(KEY, moment=at(25), status="FAILURE")
    repeated = run(KEY, moment=at(26))
    on_the_day = run("2024-08-04|BTCUSDT", moment=at(1), status="FAILURE")
    other = run("2024-08-04|BTCUSDT", moment=at(30))
    queued = run(KEY, moment=None, job="share", status="QUEUED")
    assert set(runs_of_day([failed, repeated, on_the_day, other, queued], DAY)) == {repeated, on_the_day, queued}
