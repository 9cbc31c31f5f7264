"""What is planned before anything runs."""

from __future__ import annotations

from datetime import date

from crypto_assets.definitions import defs
from crypto_assets.runs.stages import ARCHIVE, FORECAST, plan_features
from crypto_assets.schemas import BRONZE_KLINES


def test_features_are_of_the_last_complete_days() -> None:
    *_, gold = plan_features(date(2024, 8, 7), date(2024, 8, 9))
    assert "gold_features" in gold.assets
    assert gold.days == (date(2024, 8, 7), date(2024, 8, 8), date(2024, 8, 9))


def test_candles_begin_four_days_and_futures_one_day_before_the_first_features() -> None:
    candles, futures, gold = plan_features(date(2024, 8, 7), date(2024, 8, 9))
    assert set(candles.assets) == {
        f"{layer}_klines_{tf}" for layer in ("bronze", "silver") for tf in ("1m", "5m", "15m")
    }
    assert (candles.first, candles.last) == (date(2024, 8, 3), gold.last)
    assert {"bronze_funding_rate", "silver_perpetual"} <= set(futures.assets)
    assert (futures.first, futures.last) == (date(2024, 8, 6), gold.last)


def test_no_asset_of_the_medallion_job_is_left_out() -> None:
    job = defs().resolve_job_def("medallion")
    expected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert {name for stage in plan_features(date(2024, 8, 9), date(2024, 8, 9)) for name in stage.assets} == expected


def test_partitions_are_assets_times_days() -> None:
    candles, *_ = plan_features(date(2024, 8, 8), date(2024, 8, 9))
    assert candles.partitions == 6 * (4 + 2)


def test_the_groups_are_those_of_their_jobs() -> None:
    """So that no asset that is added to one goes unmade."""
    of_jobs = {
        name: {key.to_user_string() for key in defs().resolve_job_def(name).asset_layer.executable_asset_keys}
        for name in ("archive", "forecast")
    }
    assert of_jobs == {"archive": {*ARCHIVE, BRONZE_KLINES["1m"].name}, "forecast": set(FORECAST)}
