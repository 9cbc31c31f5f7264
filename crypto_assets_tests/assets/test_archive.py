"""The archive group in Dagster: from the simulated exchange over HDFS and Spark to seconds that are the minutes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.assets.archive import archive_assets
from crypto_assets.assets.bronze import bronze_assets
from crypto_assets.checks.archive import archive_checks
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.schemas import BRONZE_KLINES, KLINES_1S
from resources.exchange import ExchangeResource
from resources.lake import LakeResource
from resources.landing import LandingResource

DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT",))
FIRST, LAST = Partition("BTCUSDT", date(2024, 8, 1)), Partition("BTCUSDT", date(2024, 8, 2))


@pytest.fixture
def platform(tmp_path: Path, hdfs: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake of its own, a landing zone of its own, and the simulated exchange."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LANDING_URI", f"{hdfs}/{tmp_path.name}")
    monkeypatch.setenv("SYMBOLS", "BTCUSDT")
    monkeypatch.setenv("SPARK_MEMORY", "512m")
    return Lake(str(tmp_path / "lake"))


def materialize(lake: Lake) -> dg.ExecuteInProcessResult:
    minutes = [asset for asset in bronze_assets(DAYS) if asset.key == dg.AssetKey(BRONZE_KLINES["1m"].name)]
    return dg.materialize(
        [*archive_assets(DAYS), *minutes, *archive_checks(DAYS)],
        tags=range_tags(FIRST, LAST),
        resources={
            "lake": LakeResource(uri=lake.uri),
            "exchange": ExchangeResource(),
            "landing_zone": LandingResource(),
        },
    )


def test_days_go_from_the_exchange_over_hdfs_to_seconds_that_are_the_minutes_and_a_repeat_changes_nothing(
    platform: Lake,
) -> None:
    first = materialize(platform)
    checks = {evaluation.check_name: evaluation for evaluation in first.get_asset_check_evaluations()}
    assert {name: found.passed for name, found in checks.items()} == {
        "minutes": True,
        "slots": True,
        "unique": True,
        "schema": True,
    }
    assert "1,440 minutes are what their seconds add up to" in str(checks["minutes"].description)
    for partition in (FIRST, LAST):
        stored = platform.read(KLINES_1S, partition.symbol, partition.day)
        assert stored is not None
        assert stored.num_rows == 86_400
    again = materialize(platform)
    changed = {
        (str(event.asset_key), event.partition): event.materialization.metadata["changed"].value
        for event in again.get_asset_materialization_events()
    }
    assert len(changed) == 8
    assert set(changed.values()) == {False}
