"""What the demo materialises."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from crypto_assets.definitions import defs
from crypto_assets.demo.plan import PUBLISHED_AFTER, last_day, plan_stages, symbols_of_demo
from crypto_assets.simulator.options import DEFAULT_PUBLICATION_DELAY


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 22, 1, 13, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 22, 5, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 22, 6, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime.fromisoformat("2026-11-22T23:30:00-05:00"), date(2026, 11, 21)),
    ],
)
def test_the_last_day_is_one_that_the_archive_has(now: datetime, day: date) -> None:
    assert last_day(now) == day
    midnight_after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert midnight_after + DEFAULT_PUBLICATION_DELAY < now
    assert DEFAULT_PUBLICATION_DELAY < PUBLISHED_AFTER


def test_features_are_of_the_last_complete_days() -> None:
    *_, gold = plan_stages(days=3, last=date(2024, 8, 9))
    assert "gold_features" in gold.assets
    assert gold.days == (date(2024, 8, 7), date(2024, 8, 8), date(2024, 8, 9))


def test_candles_begin_four_days_and_futures_one_day_before_the_first_features() -> None:
    candles, futures, gold = plan_stages(days=3, last=date(2024, 8, 9))
    assert set(candles.assets) == {
        f"{layer}_klines_{tf}" for layer in ("bronze", "silver") for tf in ("1m", "5m", "15m")
    }
    assert (candles.first, candles.last) == (date(2024, 8, 3), gold.last)
    assert {"bronze_funding_rate", "silver_perpetual"} <= set(futures.assets)
    assert (futures.first, futures.last) == (date(2024, 8, 6), gold.last)


def test_no_asset_of_the_medallion_job_is_left_out() -> None:
    job = defs().resolve_job_def("medallion")
    expected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert {name for stage in plan_stages(days=1, last=date(2024, 8, 9)) for name in stage.assets} == expected


def test_partitions_are_assets_times_days() -> None:
    candles, *_ = plan_stages(days=2, last=date(2024, 8, 9))
    assert candles.partitions == 6 * (4 + 2)


def test_the_demo_takes_three_symbols_and_fewer_where_there_are_fewer() -> None:
    assert symbols_of_demo(("A", "B", "C", "D")) == ("A", "B", "C")
    assert symbols_of_demo(("A",)) == ("A",)
