"""ENGINE=spark: the partitions of silver and gold written by Spark's processes, equal to the last byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.schemas import BRONZE_KLINES, SILVER, SILVER_KLINES
from crypto_assets.spark.session import end_session
from crypto_assets_tests.assets.small_exchange import SmallPlatform, day, failures, make_platform
from crypto_assets_tests.waiting import wait_for

CALCULATED = [*(dataset.name for dataset in SILVER), GOLD_FEATURES.name]
MINUTES = SILVER_KLINES["1m"].name
LAST = 16
"""So many days that a task of Spark has several."""


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallPlatform]:
    """2024-08-01 to -16 of BTCUSDT, from the exchange to features, by this process alone; do not change it."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = make_platform(tmp_path_factory.mktemp("in_process"), instance)
        result = platform.run(day(1), day(LAST))
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
    for name, value in {"ENGINE": "spark", "SPARK_TASKS": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_DIR", str(spark_folder))
    shutil.copytree(in_process.folder / "lake" / "bronze", tmp_path / "lake" / "bronze")
    with dg.DagsterInstance.ephemeral() as instance:
        yield make_platform(tmp_path, instance)


def files_of(platform: SmallPlatform) -> dict[str, bytes]:
    """Content of every file of silver and gold that a reader sees: none that is hidden."""
    lake = platform.folder / "lake"
    paths = (path for layer in ("silver", "gold") for path in (lake / layer).rglob("[!.]*") if path.is_file())
    return {str(path.relative_to(lake)): path.read_bytes() for path in paths}


def lives(process: psutil.Process) -> bool:
    """Whether it can still write."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_every_file_of_silver_and_gold_is_the_same(in_process: SmallPlatform, on_spark: SmallPlatform) -> None:
    result = on_spark.run(day(1), day(LAST), assets=CALCULATED)

    assert result.success, failures(result)
    expected = files_of(in_process)
    assert len(expected) >= LAST * len(CALCULATED)
    assert files_of(on_spark) == expected
    assert on_spark.materialized(MINUTES) == {day(number).key for number in range(1, LAST + 1)}
    said = [entry.user_message for entry in on_spark.instance.all_logs(result.run_id)]
    for done in (f"3 of {LAST}", f"{LAST} of {LAST}"):
        assert sum(message.endswith(f", {done}") for message in said) == len(CALCULATED)
    for name in (MINUTES, GOLD_FEATURES.name):
        for number in (1, 2, LAST):
            mine, theirs = (dict(p.metadata(name, day(number))) for p in (on_spark, in_process))
            assert {**mine, "dagster/uri": ""} == {**theirs, "dagster/uri": ""}


def test_a_partition_that_fails_is_named_and_the_others_are_done(on_spark: SmallPlatform) -> None:
    bronze = BRONZE_KLINES["1m"].partition_path("BTCUSDT", day(7).day)
    shutil.rmtree(on_spark.folder / "lake" / bronze)

    result = on_spark.run(day(1), day(LAST), assets=[MINUTES])

    assert not result.success
    (sentence,) = failures(result).values()
    assert f"{MINUTES}: 1 of {LAST} partitions failed. The {LAST - 1} others are done and stay." in sentence
    assert f"2024-08-07 BTCUSDT: {BRONZE_KLINES['1m'].name} was never materialised for this day" in sentence
    assert on_spark.materialized(MINUTES) == {day(n).key for n in range(1, LAST + 1) if n != 7}
    assert on_spark.metadata(MINUTES, day(8))["dagster/row_count"] == 1440


def test_a_killed_run_leaves_whole_days_and_the_next_run_the_rest(
    in_process: SmallPlatform, on_spark: SmallPlatform, tmp_path: Path
) -> None:
    expected = files_of(in_process)
    program = [sys.executable, "-m", "crypto_assets_tests.spark.run_engine", str(on_spark.folder), str(LAST)]
    with (tmp_path / "log").open("wb") as log:
        run = subprocess.Popen([*program, *CALCULATED], stdout=log, stderr=log)
    wait_for(lambda: len(files_of(on_spark)), until=lambda files: files > 2, deadline_s=240)
    processes = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    wait_for(
        lambda: [process for process in processes if lives(process)], until=lambda living: not living, deadline_s=120
    )

    left = files_of(on_spark)
    assert 0 < len(left) < len(expected)
    assert all(expected[path] == content for path, content in left.items())
    assert on_spark.run(day(1), day(LAST), assets=CALCULATED).success
    assert files_of(on_spark) == expected


def test_a_single_partition_starts_no_spark(on_spark: SmallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "nowhere://at-all")
    end_session()

    assert on_spark.run(day(1), assets=[MINUTES]).success
    result = on_spark.run(day(1), day(2), assets=[MINUTES])

    (sentence,) = failures(result).values()
    assert "SPARK_REMOTE=nowhere://at-all is no Spark" in sentence
