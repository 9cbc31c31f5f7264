from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.storage import (
    GIBIBYTE,
    PRICES,
    READS_PER_FILE,
    WRITES_PER_FILE,
    Disk,
    MonthUsage,
    dataset_of,
    disk,
    disks,
    month_cost,
    month_usage,
    prices_of,
    sizes_of,
)
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest, Part
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES, SILVER_KLINES
from crypto_assets_tests.health.small_lake import DAY, SYMBOL, gold, put_bronze, put_silver


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("bronze/klines/timeframe=1m/symbol=BTCUSDT/date=2024-08-05/hour=00/rest-x.parquet", ("bronze", "klines_1m")),
        ("bronze/trades/symbol=BTCUSDT/date=2024-08-05/_manifest.json", ("bronze", "trades")),
        ("bronze/_rejected/klines_1m/date=2024-08-05/BTCUSDT-x.parquet", ("bronze", "_rejected")),
        ("silver/symbol=BTCUSDT/date=2024-08-05/klines_5m.parquet", ("silver", "klines_5m")),
        ("silver/symbol=BTCUSDT/date=2024-08-05/_inputs/silver_klines_5m.json", ("silver", "klines_5m")),
        ("gold/features/symbol=BTCUSDT/date=2024-08-05/features.parquet", ("gold", "features")),
        ("raw/klines_1s/symbol=BTCUSDT/date=2024-08-05/BTCUSDT-1s-2024-08-05.zip", ("raw", "klines_1s")),
        ("stream/exchange=binance/gap_ledger.parquet", ("stream", "gap_ledger")),
        ("ckpts/lstm_checkpoint.keras", ("ckpts", "lstm_checkpoint")),
        ("notes.txt", ("", "notes")),
    ],
)
def test_a_file_belongs_to_the_dataset_that_its_place_names(path: str, place: tuple[str, str]) -> None:
    assert dataset_of(path) == place


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_each_dataset_weighs_what_its_files_do(kind: str, lake: Lake, request: pytest.FixtureRequest) -> None:
    if kind == "s3":
        lake = Lake(f"{request.getfixturevalue('bucket')}/lake")
    assert sizes_of(lake.files.listed()) == []
    for symbol in (SYMBOL, "ETHUSDT"):
        put_silver(lake, symbol=symbol)
        lake.note_inputs(SILVER_KLINES["1m"], symbol, DAY, {"bronze_klines_1m": "v"})
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=5))
    found = {(size.layer, size.dataset): size for size in sizes_of(lake.files.listed())}
    assert found.keys() == {("silver", "klines_1m"), ("gold", "features")}
    assert found["silver", "klines_1m"].files == 4
    weighed = [lake.files.size(f"silver/{name}") or 0 for name in lake.files.names("silver")]
    assert found["silver", "klines_1m"].bytes == sum(weighed)


def test_a_lake_on_another_disk_is_told_beside_the_data(tmp_path: Path) -> None:
    other = Path("/dev/crypto-assets-lake")  # devices are a file system of their own
    data, lake = disks(tmp_path, lake=f"file://{other}")
    assert (data.path, data.variable, lake.path, lake.variable) == (tmp_path, "DATA_DIR", other, "LAKE_URI")
    assert [each.path for each in disks(tmp_path, lake="s3://bucket/lake")] == [tmp_path]


def test_a_folder_that_does_not_exist_yet_has_the_disk_of_the_one_above_it(tmp_path: Path) -> None:
    found = disk(tmp_path / "not" / "yet")
    usage = shutil.disk_usage(tmp_path)
    assert (found.path, found.total) == (tmp_path / "not" / "yet", usage.total)
    assert found.used + found.free == found.total
    assert [each.path for each in disks(tmp_path, lake=str(tmp_path / "lake"))] == [tmp_path]


@pytest.mark.parametrize(("free", "is_low"), [(100, False), (99, True), (0, True)])
def test_a_disk_is_low_below_a_tenth(free: int, *, is_low: bool) -> None:
    found = Disk(Path("data"), 1000, free)
    assert found.free_share == free / 1000
    assert found.is_low is is_low
    assert ("BRONZE_RETENTION_DAYS" in found.sentence) is is_low


def test_a_month_costs_what_its_bytes_and_requests_do() -> None:
    usage = MonthUsage(date(2026, 11, 1), 100 * GIBIBYTE, 1000, 2_000_000, 10_000_000)
    cost = month_cost(usage, PRICES["s3"])
    assert cost.storage == pytest.approx(2.30)
    assert cost.requests == pytest.approx(10.0 + 4.0)
    assert cost.total == pytest.approx(16.30)
    assert cost.sentence == (
        "2.30 USD a month to keep 107 GB, and about 14.00 USD since 2026-11-01 for some 2,000,000 writes and "
        "10,000,000 reads (an estimate from 1,000 files written), by the prices of Amazon S3 Standard, us-east-1 as of "
        "2024-04-29."
    )


def test_prices_are_those_of_the_store_and_of_s3_for_a_folder() -> None:
    assert prices_of("gs://bucket/lake") is PRICES["gs"]
    assert prices_of("s3://bucket/lake") is PRICES["s3"]
    assert prices_of("folder") is PRICES["s3"]
    assert all(table.source and table.read_on for table in PRICES.values())


def test_requests_are_estimated_from_files_of_the_month_and_from_those_merged_into_them(
    lake: Lake, tmp_path: Path
) -> None:
    put_silver(lake)
    put_bronze(lake, range(10))
    dataset = BRONZE_TRADES
    part = Part("merged.parquet", 3, 9, "live", "", "c", merged=("a", "b", "d"))
    lake.publish_manifest(dataset, SYMBOL, DAY, Manifest(parts=(part,)))
    old = tmp_path / "lake" / BRONZE_KLINES["1m"].partition_path(SYMBOL, DAY)
    for path in old.rglob("*.*"):
        os.utime(path, (0, 0))
    now = datetime.now(UTC)
    usage = month_usage(lake, lake.files.listed(), now=now)
    # silver's file and the manifest of trades, which tells of two files that a third one took in
    assert usage.files_written == 2 + 2
    assert (usage.writes, usage.reads) == (round(4 * WRITES_PER_FILE), round(4 * READS_PER_FILE))
    assert usage.month == now.date().replace(day=1)
    assert usage.bytes == sum(size.bytes for size in sizes_of(lake.files.listed()))


def test_an_empty_lake_costs_nothing(lake: Lake) -> None:
    cost = month_cost(month_usage(lake, lake.files.listed(), now=datetime(2026, 11, 21, tzinfo=UTC)), PRICES["s3"])
    assert (cost.storage, cost.requests) == (0, 0)
