"""What the demo materialises."""

from __future__ import annotations

from datetime import date

from crypto_assets.definitions import defs
from crypto_assets.demo.plan import plan_stages, symbols_of_demo


def test_features_are_of_the_last_complete_days() -> None:
    *_, gold = plan_stages(days=3, today=date(2024, 8, 10))
    assert "gold_features" in gold.assets
    assert gold.days == (date(2024, 8, 7), date(2024, 8, 8), date(2024, 8, 9))


def test_candles_begin_four_days_and_futures_one_day_before_the_first_features() -> None:
    candles, futures, gold = plan_stages(days=3, today=date(2024, 8, 10))
    assert set(candles.assets) == {
        f"{layer}_klines_{tf}" for layer in ("bronze", "silver") for tf in ("1m", "5m", "15m")
    }
    assert (candles.first, candles.last) == (date(2024, 8, 3), gold.last)
    assert {"bronze_funding_rate", "silver_perpetual"} <= set(futures.assets)
    assert (futures.first, futures.last) == (date(2024, 8, 6), gold.last)


def test_no_asset_of_the_medallion_job_is_left_out() -> None:
    job = defs().resolve_job_def("medallion")
    expected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert {name for stage in plan_stages(days=1, today=date(2024, 8, 10)) for name in stage.assets} == expected


def test_partitions_are_assets_times_days() -> None:
    candles, *_ = plan_stages(days=2, today=date(2024, 8, 10))
    assert candles.partitions == 6 * (4 + 2)


def test_the_demo_takes_three_symbols_and_fewer_where_there_are_fewer() -> None:
    assert symbols_of_demo(("A", "B", "C", "D")) == ("A", "B", "C")
    assert symbols_of_demo(("A",)) == ("A",)
