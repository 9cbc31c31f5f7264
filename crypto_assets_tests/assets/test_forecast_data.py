"""The training set as Dagster makes it, on days of gold that are made up."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from crypto_assets.assets.forecast_data import forecast_data_assets, warning_of
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.forecast.training_sets import StoredSet, TrainingSets
from crypto_assets.forecast.training_sets_days import make_set
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from crypto_assets.spans import from_us
from crypto_assets_tests.assets.small_exchange import failures
from crypto_assets_tests.forecast.second_days import walk_of_seconds
from crypto_assets_tests.forecast.tables import (
    publish_gold,
    random_walk,
    with_cold,
    with_filled,
    with_value,
    without_rows,
)
from resources.lake import LakeResource

FIRST_DAY = date(2024, 8, 1)
DAYS = DaySymbol(FIRST_DAY, ("BTCUSDT", "ETHUSDT"))
(ASSET,) = forecast_data_assets(DAYS, look_back_days=30)
WALK = random_walk(3 * 1_440, seed=1)


def day(number: int, symbol: str = "BTCUSDT") -> Partition:
    return Partition(symbol, date(2024, 8, number))


@dataclass
class Platform:
    """A lake with days of gold, and the asset that reads it."""

    lake: Lake
    instance: dg.DagsterInstance
    said: dict[str, str]
    """What each step of the last run failed with."""

    def run(self, first: Partition, last: Partition | None = None, **config: Any) -> dg.ExecuteInProcessResult:
        result = dg.materialize(
            [ASSET],
            instance=self.instance,
            tags=range_tags(first, last or first),
            resources={"lake": LakeResource(uri=self.lake.uri)},
            run_config={"ops": {"lstm_training_set": {"config": config}}},
            raise_on_error=False,
        )
        self.said = failures(result)
        return result

    def failure(self, partition: Partition, **config: Any) -> str:
        assert not self.run(partition, **config).success
        return self.said["lstm_training_set"].strip()

    def metadata(self, partition: Partition) -> dict[str, Any]:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("lstm_training_set"), asset_partitions=[partition.key])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}

    def version(self, partition: Partition) -> str:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("lstm_training_set"), asset_partitions=[partition.key])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        assert record.asset_materialization.tags is not None
        return record.asset_materialization.tags["dagster/data_version"]

    def stored(self, partition: Partition, *, known_at: datetime | None = None) -> StoredSet:
        found = TrainingSets(self.lake).read(partition.symbol, partition.day, known_at=known_at)
        assert found is not None
        return found

    def publish(self, table: FeatureTable, *, null: Iterable[str] = ()) -> None:
        publish_gold(self.lake, "BTCUSDT", table, null=null)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(Lake(str(tmp_path)), instance, {})


def test_a_set_is_made_of_the_days_up_to_its_own(platform: Platform) -> None:
    platform.publish(WALK)
    assert platform.run(day(2)).success
    stored = platform.stored(day(2))
    np.testing.assert_array_equal(stored.table.as_of_us, WALK.as_of_us[: 2 * 1_440])
    metadata = platform.metadata(day(2))
    assert metadata["dagster/row_count"] == metadata["rows_usable"] == 2_880
    assert metadata["samples"] == len(stored.samples()) == 2_880 - 59 - 15
    assert (metadata["days_asked"], metadata["days_used"], metadata["days_missing"]) == (30, 2, 0)
    assert metadata["first"] == datetime(2024, 8, 1, 0, 1, tzinfo=UTC).timestamp()
    assert metadata["last"] == datetime(2024, 8, 3, tzinfo=UTC).timestamp()
    assert metadata["sha256"] == stored.sha256 == platform.version(day(2))
    assert metadata["inputs"] == stored.inputs
    assert metadata["input_files"] == 4
    assert metadata["features"] == 45
    assert metadata["features_left_out"] == "none"
    assert metadata["rows_by_day"].startswith("![rows by day from 2024-08-01 to 2024-08-02")


def test_unchanged_inputs_make_no_new_version(platform: Platform) -> None:
    platform.publish(WALK)
    assert platform.run(day(3)).success
    assert platform.metadata(day(3))["changed"]
    assert platform.run(day(3)).success
    metadata = platform.metadata(day(3))
    assert (metadata["changed"], metadata["versions"]) == (False, 1)


def test_a_repaired_day_makes_a_version_and_the_former_one_stays(platform: Platform) -> None:
    platform.publish(without_rows(WALK, range(100, 200)))
    assert platform.run(day(3)).success
    before, version = platform.stored(day(3)), platform.version(day(3))

    platform.publish(WALK)
    assert platform.run(day(3)).success

    after = platform.stored(day(3))
    assert len(after.table) == len(before.table) + 100
    assert platform.version(day(3)) == after.sha256 != version == before.sha256
    known_then = platform.stored(day(3), known_at=before.version.made_at)
    np.testing.assert_array_equal(known_then.table.as_of_us, before.table.as_of_us)
    assert known_then.inputs == before.inputs != after.inputs


def test_each_kind_of_row_is_counted(platform: Platform) -> None:
    table = with_cold(with_filled(WALK, [1_500, 1_501]), range(10))
    platform.publish(without_rows(table, range(2_000, 2_030)))
    assert platform.run(day(3)).success
    metadata = platform.metadata(day(3))
    counts = {name: metadata[f"rows_{name}"] for name in ("usable", "filled", "cold", "gap")}
    assert counts == {"usable": 4_278, "filled": 2, "cold": 10, "gap": 30}


def test_a_day_that_is_missing_is_a_gap_and_a_warning(platform: Platform) -> None:
    platform.publish(WALK)
    platform.lake.files.remove(GOLD_FEATURES.partition_path("BTCUSDT", date(2024, 8, 2)))
    result = platform.run(day(3))
    assert result.success
    metadata = platform.metadata(day(3))
    assert (metadata["days_missing"], metadata["days_used"], metadata["rows_gap"]) == (1, 2, 1_440)
    assert metadata["missing"] == "- `2024-08-02`: gold_features is absent"


def test_features_that_say_nothing_are_named_with_the_reason(platform: Platform) -> None:
    platform.publish(with_value(WALK, "roc_1_1m", 1.0), null=["doji_1m"])
    assert platform.run(day(3)).success
    metadata = platform.metadata(day(3))
    assert metadata["features"] == 43
    assert metadata["features_left_out"] == (
        "- `roc_1_1m`: the same in every warm row\n- `doji_1m`: null in every warm row"
    )
    assert "roc_1_1m," not in metadata["features_used"]
    assert platform.stored(day(3)).version.left_out["doji_1m"] == "null in every warm row"


def test_a_family_that_was_never_captured_fails_where_it_was_named(platform: Platform) -> None:
    platform.publish(WALK)
    said = platform.failure(day(3), features=["roc_1_1m", "spread_bps"])
    assert "1 of the features that were named say nothing: spread_bps is null in every warm row" in said
    assert TrainingSets(platform.lake).versions("BTCUSDT", day(3).day) == ()


def test_an_unknown_feature_and_a_wrong_option_are_answered_with_a_sentence(platform: Platform) -> None:
    platform.publish(WALK)
    assert "gold_features has no feature rsi_15_1m. It has: rsi_14_1m" in platform.failure(
        day(3), features=["rsi_15_1m"]
    )
    assert "horizons must ascend" in platform.failure(day(3), horizons=[5, 1])


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_a_value_that_is_no_number_is_in_no_window_and_is_told_of(platform: Platform, value: float) -> None:
    platform.publish(with_value(WALK, "roc_1_1m", value, [2_000]))
    assert platform.run(day(3)).success
    metadata = platform.metadata(day(3))
    assert (metadata["values_not_a_number"], metadata["rows_cold"]) == (1, 1)
    touched = set(range(2_000, 2_060)) & set(platform.stored(day(3)).samples().rows.tolist())
    assert touched == set()


@pytest.mark.parametrize("dataset", [GOLD_FEATURES, SILVER_KLINES["1m"]], ids=lambda dataset: dataset.name)
def test_a_set_is_not_made_without_its_own_day(platform: Platform, dataset: Any) -> None:
    platform.publish(WALK)
    assert platform.run(day(3)).success
    kept = platform.stored(day(3)).sha256
    platform.lake.files.remove(dataset.partition_path("BTCUSDT", date(2024, 8, 3)))
    said = platform.failure(day(3))
    assert f"{dataset.name} was never materialised for this day; the former lstm_training_set stays" in said
    assert f"--select {dataset.name} --partition '2024-08-03|BTCUSDT'" in said
    assert platform.stored(day(3)).sha256 == kept


def test_too_few_rows_are_told_of_in_figures_with_the_command_that_helps(platform: Platform) -> None:
    platform.publish(WALK)
    for number in (1, 2):
        platform.lake.files.remove(GOLD_FEATURES.partition_path("BTCUSDT", date(2024, 8, number)))
    said = platform.failure(day(3), folds=12)
    assert "1,366 samples are too few: fold 1 of 12 would have train" in said
    assert "1 of the 3 days from 2024-08-01 are there. Run: dagster job execute" in said
    tags = json.loads(said.partition("--tags '")[2].partition("'")[0])
    assert tags == range_tags(day(1), day(2))
    assert "-j medallion" in said
    assert said.endswith("The former lstm_training_set stays.")


def test_where_every_day_is_there_more_of_them_are_asked_for(platform: Platform) -> None:
    platform.publish(WALK)
    said = platform.failure(day(3), days=1, folds=12)
    assert "All 1 days are there. For more of them: dagster asset materialize" in said
    config = json.loads(said.partition("--config-json '")[2].partition("'")[0])
    assert config == {"ops": {"lstm_training_set": {"config": {"days": 2}}}}


def test_days_none_of_whose_rows_are_warm_are_told_of(platform: Platform) -> None:
    platform.publish(with_cold(WALK, range(len(WALK))))
    assert "None of the 4,320 rows is warm" in platform.failure(day(3))


def test_candles_of_a_second_make_a_set_too(platform: Platform) -> None:
    start = datetime(2024, 8, 2, tzinfo=UTC)
    platform.lake.publish(KLINES_1S, "BTCUSDT", start.date(), walk_of_seconds(4_000, seed=1, start=start))
    assert platform.run(day(2), source="klines_1s", horizons=[1, 10, 60], window=60).success
    metadata = platform.metadata(day(2))
    assert (metadata["source"], metadata["horizons"], metadata["dagster/row_count"]) == (
        "klines_1s",
        "1, 10, 60",
        4_000,
    )
    assert metadata["rows_gap"] == 2 * 86_400 - 4_000
    assert platform.stored(day(2)).table.step_us == 1_000_000

    said = platform.failure(day(2), source="klines_1s", horizons=[1, 10, 60], folds=20)
    assert "-j archive" in said


def test_of_the_day_that_runs_only_what_is_known_by_now_enters(platform: Platform) -> None:
    now = datetime.now(UTC)
    yesterday = (now - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    platform.publish(random_walk(2 * 1_440, seed=1, start=yesterday))
    assert platform.run(Partition("BTCUSDT", now.date()), folds=2).success
    newest = from_us(int(platform.stored(Partition("BTCUSDT", now.date())).table.as_of_us[-1]))
    assert now - timedelta(minutes=1) < newest <= datetime.now(UTC)


def test_what_wants_a_look_is_said_in_one_warning(platform: Platform) -> None:
    platform.publish(with_value(WALK, "roc_1_1m", math.inf, [2_000]))
    platform.lake.files.remove(GOLD_FEATURES.partition_path("BTCUSDT", date(2024, 8, 1)))
    made = make_set(
        platform.lake,
        "BTCUSDT",
        date(2024, 8, 3),
        options=DataOptions(days=3),
        known_until=datetime(2024, 9, 1, tzinfo=UTC),
    )
    assert warning_of(made) == (
        "1 of 3 days are not in the set, the first 2024-08-01 (gold_features was never materialised), the last "
        "2024-08-01. 1 stored values are NaN or infinite (roc_1_1m 1): no window touches their rows. Materialise "
        "gold_features of their days again."
    )


def test_a_range_makes_a_set_for_each_day(platform: Platform) -> None:
    platform.publish(WALK)
    assert platform.run(day(2), day(3)).success
    assert len(platform.stored(day(2)).table) == 2_880
    assert len(platform.stored(day(3)).table) == 4_320


def test_it_reads_the_days_before_its_own_whether_or_not_they_exist() -> None:
    mapping = ASSET.get_partition_mapping(dg.AssetKey("gold_features"))
    assert mapping is not None
    read = mapping.get_upstream_mapped_partitions_result_for_partitions(
        downstream_partitions_subset=DAYS.definition.subset_with_partition_keys(["2024-08-05|BTCUSDT"]),
        downstream_partitions_def=DAYS.definition,
        upstream_partitions_def=DAYS.definition,
        current_time=datetime(2024, 9, 1, tzinfo=UTC),
    )
    assert sorted(read.partitions_subset.get_partition_keys()) == [f"2024-08-0{n}|BTCUSDT" for n in range(1, 6)]
    assert {key.to_user_string() for key in ASSET.asset_deps[ASSET.key]} == {
        "gold_features",
        "silver_klines_1m",
        "klines_1s",
    }


def test_nothing_makes_it_but_a_person_or_a_schedule() -> None:
    assert not ASSET.automation_conditions_by_key
