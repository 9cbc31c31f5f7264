"""What the checks of the shared aggregates say of days that do and do not agree."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa

from crypto_assets.checks.findings import WARN
from crypto_assets.checks.share import judge_hive, judge_live, judge_sums
from crypto_assets.share.hive import Figures, figures_of
from crypto_assets.share.live import LiveDay
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.share.windows import price_windows
from crypto_assets_tests.share.facts import facts, minute

MINUTES = [minute(number, str(number + 1)) for number in range(20)]
CLOSED = datetime(2025, 9, 10, 0, 10, tzinfo=UTC)


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


def test_live_minutes_are_compared_as_far_as_they_are_closed() -> None:
    live = LiveDay(facts(*MINUTES[:10]), CLOSED)
    finding = judge_live(live, facts(*MINUTES))
    assert finding.passed
    assert finding.numbers == {"live_minutes": 10, "fact_minutes": 10, "different": 0}


def test_live_minutes_that_differ_in_a_digit_are_listed() -> None:
    late = minute(3, "4", total_quantity="1.00000001")
    finding = judge_live(LiveDay(facts(*MINUTES[:9]), CLOSED), facts(*MINUTES[:3], late, *MINUTES[4:]))
    assert (finding.passed, finding.severity) == (False, WARN)
    assert "00:03 total_quantity 1.00000000 not 1.00000001; BTCUSDT 00:09 is only in the facts" in finding.sentence


def test_hive_that_reads_something_else_is_told_of() -> None:
    published = figures_of(PRICE_AGGREGATES, price_windows(facts(*MINUTES)))
    assert judge_hive(published, published).passed
    other = Figures(published.rows - 1, {**published.sums, "trades": Decimal(79)})
    finding = judge_hive(published, other)
    assert not finding.passed
    assert "reads 25 of 26 rows; sums that differ: trades 79 of 80" in finding.sentence
    assert "Hive has no partition" in judge_hive(published, None).sentence
