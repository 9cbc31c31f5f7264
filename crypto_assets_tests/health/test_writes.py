from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.writes import LastWrite, flushed_every, last_writes
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE, BRONZE_KLINES, SILVER_KLINES, SILVER_PERPETUAL
from crypto_assets_tests.health.small_lake import DAY, SYMBOL, put_bronze, put_silver
from crypto_assets_tests.services import service_settings

NEXT = DAY + timedelta(days=1)


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, lake: Lake) -> Lake:
    return lake if request.param == "folder" else Lake(f"{request.getfixturevalue('bucket')}/lake")


def test_the_newest_day_of_each_dataset_is_found_with_its_rows_and_its_moment(lake: Lake) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    put_bronze(lake, range(10))
    put_bronze(lake, range(7), day=NEXT)
    put_silver(lake, minutes=range(5))
    bronze, silver = last_writes(lake, [SYMBOL], datasets=[BRONZE_KLINES["1m"], SILVER_KLINES["1m"]])
    assert (bronze.day, bronze.rows) == (NEXT, 7)
    assert (silver.dataset, silver.day, silver.rows) == ("silver_klines_1m", DAY, 5)
    for write in (bronze, silver):
        assert write.written_at is not None
        assert before <= write.written_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_a_day_whose_folder_another_dataset_shares_is_not_taken_for_its_own(lake: Lake) -> None:
    put_silver(lake, minutes=range(5))
    (perpetual,) = last_writes(lake, [SYMBOL], datasets=[SILVER_PERPETUAL])
    assert perpetual == LastWrite("silver_perpetual", SYMBOL, None, None, None)


def test_an_empty_lake_has_no_last_write(lake: Lake) -> None:
    found = last_writes(lake, [SYMBOL, "ETHUSDT"], datasets=[*BRONZE, GOLD_FEATURES])
    assert len(found) == 2 * (len(BRONZE) + 1)
    assert {(write.day, write.written_at, write.rows) for write in found} == {(None, None, None)}
    assert found[0].age(now=datetime.now(UTC)) is None


def test_an_age_is_never_below_zero() -> None:
    written = datetime(2024, 8, 5, 12, tzinfo=UTC)
    write = LastWrite("gold_features", SYMBOL, date(2024, 8, 5), written, 1)
    assert write.age(now=written + timedelta(minutes=3)) == timedelta(minutes=3)
    assert write.age(now=written - timedelta(seconds=1)) == timedelta(0)


def test_a_market_that_is_simulated_slowly_is_flushed_less_often(tmp_path: Path) -> None:
    speeds = [("simulator", 0.1), ("simulator", 10.0), ("binance", 0.1)]
    found = [flushed_every(service_settings(tmp_path, exchange=name, simulator_speed=speed)) for name, speed in speeds]
    assert [each / timedelta(minutes=1) for each in found] == [50, 5, 5]
