"""What the checks of the shared aggregates say of days that do and do not agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from crypto_assets.checks.findings import WARN
from crypto_assets.checks.share import judge_hive, judge_live, judge_sums
from crypto_assets.share.hive import Figures, figures_of
from crypto_assets.share.live import LiveDay
from crypto_assets.share.live_taken import Taken
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.share.windows import price_windows
from crypto_assets_tests.share.facts import facts, minute

MINUTES = [minute(number, str(number + 1)) for number in range(20)]
MIDNIGHT = datetime(2025, 9, 10, tzinfo=UTC)
CLOSED = MIDNIGHT + timedelta(minutes=10)


def test_windows_of_other_facts_do_not_add_up() -> None:
    windows = price_windows(facts(*MINUTES))
    assert judge_sums(windows, facts(*MINUTES)).passed
    finding = judge_sums(windows, facts(*MINUTES, minute(30, "5"), minute(1, "2", symbol="ETHUSDT")))
    assert not finding.passed
    assert finding.numbers["wrong"] == 8
    assert "BTCUSDT 1d has trades 20 of 21, volume 20.00000000 of 21.00000000" in finding.sentence


def test_a_window_that_is_there_twice_is_counted() -> None:
    windows = price_windows(facts(*MINUTES))
    finding = judge_sums(pa.concat_tables([windows, windows.slice(3, 1)]), facts(*MINUTES))
    assert (finding.passed, finding.numbers["doubled"]) == (False, 1)


def test_a_timeframe_that_is_missing_is_seen() -> None:
    windows = price_windows(facts(*MINUTES))
    kept = windows.filter(pa.array([row != "1h" for row in windows["timeframe"].to_pylist()]))
    finding = judge_sums(kept, facts(*MINUTES))
    assert (finding.passed, finding.numbers["wrong"]) == (False, 1)
    assert "BTCUSDT 1h has trades None of 20" in finding.sentence


def live(*minutes: dict[str, Any], since: datetime = MIDNIGHT) -> LiveDay:
    return LiveDay(facts(*minutes), CLOSED, since=since, taken=Taken(late=2))


def test_live_windows_are_compared_as_far_as_they_are_closed() -> None:
    finding = judge_live(live(*MINUTES[:10]), facts(*MINUTES))
    assert finding.passed, finding.sentence
    assert finding.numbers == {"live_windows": 12, "fact_windows": 12, "different": 0, "late_trades": 2}


def test_windows_that_began_before_the_live_query_are_not_compared() -> None:
    since = MIDNIGHT + timedelta(minutes=3)
    finding = judge_live(live(*MINUTES[2:10], since=since), facts(*MINUTES))
    assert finding.passed, finding.sentence
    assert finding.numbers["live_windows"] == 8  # 00:03 to 00:09, and the five minutes from 00:05


def test_a_live_window_that_differs_is_named_with_both_values() -> None:
    late = minute(3, "4", total_quantity="1.00000001")
    finding = judge_live(live(*MINUTES[:9]), facts(*MINUTES[:3], late, *MINUTES[4:]))
    assert (finding.passed, finding.severity) == (False, WARN)
    assert finding.numbers["different"] == 4  # 1m 00:03 and 00:09, 5m 00:00 and 00:05
    assert (
        "4 windows differ: BTCUSDT 1m 2025-09-10 00:03 has vwap 4.000000000000000000 live, 3.999999960000000400 in "
        "the facts, volume 1.00000000 live, 1.00000001 in the facts; BTCUSDT 1m 2025-09-10 00:09 is only in the facts; "
        "BTCUSDT 5m 2025-09-10 00:00 has vwap 3.000000000000000000 live, "
    ) in finding.sentence


def test_of_a_window_that_differs_wholly_three_columns_are_named() -> None:
    finding = judge_live(live(minute(3, "4")), facts(minute(3, "5")))
    assert "open 4.00000000 live, 5.00000000 in the facts" in finding.sentence
    assert "and 3 more" in finding.sentence


def test_hive_that_reads_something_else_is_told_of() -> None:
    published = figures_of(PRICE_AGGREGATES, price_windows(facts(*MINUTES)))
    assert judge_hive(published, published).passed
    other = Figures(published.rows - 1, {**published.sums, "trades": Decimal(79)})
    finding = judge_hive(published, other)
    assert not finding.passed
    assert "reads 25 of 26 rows; sums that differ: trades 79 of 80" in finding.sentence
    assert "Hive has no partition" in judge_hive(published, None).sentence
