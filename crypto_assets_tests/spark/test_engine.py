"""ENGINE=spark: the partitions of silver and gold written by Spark's processes, equal to the last byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.schemas import BRONZE_KLINES, SILVER, SILVER_KLINES
from crypto_assets.spark.session import end_session
from crypto_assets_tests.assets.small_exchange import SmallPlatform, day, failures, make_platform

CALCULATED = [*(dataset.name for dataset in SILVER), GOLD_FEATURES.name]
MINUTES = SILVER_KLINES["1m"].name


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallPlatform]:
    """2024-08-01 to -03 of BTCUSDT, from the exchange to features, by this process alone; do not change it."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = make_platform(tmp_path_factory.mktemp("in_process"), instance)
        result = platform.run(day(1), day(3))
        assert result.success, failures(result)
        yield platform


@pytest.fixture(scope="module")
def spark_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DATA_DIR of the one Spark of these tests."""
    yield tmp_path_factory.mktemp("data")
    end_session()


@pytest.fixture
def on_spark(
    in_process: SmallPlatform, tmp_path: Path, spark_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SmallPlatform]:
    """A platform with ENGINE=spark that has the same bronze, and nothing else."""
    for name, value in {"ENGINE": "spark", "SPARK_TASKS": "2", "SPARK_MEMORY": "512m"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_DIR", str(spark_folder))
    shutil.copytree(in_process.folder / "lake" / "bronze", tmp_path / "lake" / "bronze")
    with dg.DagsterInstance.ephemeral() as instance:
        yield make_platform(tmp_path, instance)


def files_of(platform: SmallPlatform) -> dict[str, bytes]:
    """Content of every file of silver and gold."""
    lake = platform.folder / "lake"
    paths = (path for layer in ("silver", "gold") for path in (lake / layer).rglob("*") if path.is_file())
    return {str(path.relative_to(lake)): path.read_bytes() for path in paths}


def test_every_file_of_silver_and_gold_is_the_same(in_process: SmallPlatform, on_spark: SmallPlatform) -> None:
    result = on_spark.run(day(1), day(3), assets=CALCULATED)

    assert result.success, failures(result)
    expected = files_of(in_process)
    assert len(expected) >= 3 * len(CALCULATED)
    assert files_of(on_spark) == expected
    assert on_spark.materialized(MINUTES) == {day(number).key for number in (1, 2, 3)}
    said = [entry.user_message for entry in on_spark.instance.all_logs(result.run_id)]
    assert sum("1 of 3" in message for message in said) == len(CALCULATED)
    for name in (MINUTES, GOLD_FEATURES.name):
        for number in (1, 2, 3):
            mine, theirs = (dict(p.metadata(name, day(number))) for p in (on_spark, in_process))
            assert {**mine, "dagster/uri": ""} == {**theirs, "dagster/uri": ""}


def test_a_partition_that_fails_is_named_and_the_others_are_done(on_spark: SmallPlatform) -> None:
    bronze = BRONZE_KLINES["1m"].partition_path("BTCUSDT", day(2).day)
    shutil.rmtree(on_spark.folder / "lake" / bronze)

    result = on_spark.run(day(1), day(3), assets=[MINUTES])

    assert not result.success
    (sentence,) = failures(result).values()
    assert f"{MINUTES}: 1 of 3 partitions failed. The 2 others are done and stay." in sentence
    assert f"2024-08-02 BTCUSDT: {BRONZE_KLINES['1m'].name} was never materialised for this day" in sentence
    assert on_spark.materialized(MINUTES) == {day(1).key, day(3).key}
    assert on_spark.metadata(MINUTES, day(3))["dagster/row_count"] == 1440


def test_a_single_partition_starts_no_spark(on_spark: SmallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "nowhere://at-all")
    end_session()

    assert on_spark.run(day(1), assets=[MINUTES]).success
    result = on_spark.run(day(1), day(2), assets=[MINUTES])

    (sentence,) = failures(result).values()
    assert "SPARK_REMOTE=nowhere://at-all is no Spark" in sentence
