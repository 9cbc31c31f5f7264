"""Checks of training sets that were made well, and then spoiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from crypto_assets.checks.forecast_data import forecast_data_checks
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.options import DataOptions, Source
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET, StoredSet, TrainingSets
from crypto_assets.forecast.training_sets_days import make_set
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from crypto_assets_tests.checks.spoil import setting
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

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT", "ETHUSDT"))
LAST = date(2024, 8, 2)
LATER = datetime(2024, 9, 1, tzinfo=UTC)
WALK = random_walk(2 * 1_440, seed=1)


@dataclass
class Sets:
    """A lake with a set of 2024-08-02."""

    lake: Lake
    succeeded: bool = True

    def make(self, table: FeatureTable = WALK, *, horizons: tuple[int, ...] = (1, 5, 15)) -> StoredSet:
        publish_gold(self.lake, "BTCUSDT", table)
        return self.publish_of("gold_features", horizons=horizons)

    def publish_of(
        self, source: Source, *, changed: FeatureTable | None = None, horizons: tuple[int, ...] = (1, 5, 15)
    ) -> StoredSet:
        """A set of the days of the lake, or another table in the place of its own."""
        options = DataOptions(source=source, days=2, horizons=horizons)
        made = make_set(self.lake, "BTCUSDT", LAST, options=options, known_until=LATER)
        table = made.table if changed is None else changed
        return TrainingSets(self.lake).publish("BTCUSDT", LAST, replace(made, table=table), made_at=LATER)

    def check(self) -> Mapping[str, dg.AssetCheckEvaluation]:
        (checks,) = forecast_data_checks(DAYS)
        day = Partition("BTCUSDT", LAST)
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [checks],
                selection=dg.AssetSelection.checks(checks),
                instance=instance,
                tags=range_tags(day, day),
                resources={"lake": LakeResource(uri=self.lake.uri)},
                raise_on_error=False,
            )
            self.succeeded = result.success
            return {e.check_name: e for e in result.get_asset_check_evaluations()}

    def failed(self) -> dict[str, dg.AssetCheckSeverity]:
        return {name: found.severity for name, found in self.check().items() if not found.passed}


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(Lake(str(tmp_path)))


def test_a_good_set_of_two_days_passes_all_but_the_count_of_samples(sets: Sets) -> None:
    sets.make()
    assert sets.failed() == {"enough_samples": WARN}
    assert sets.succeeded


def test_a_set_that_was_never_made_is_a_warning(sets: Sets) -> None:
    assert set(sets.failed().values()) == {WARN}


def test_a_row_that_was_known_after_the_day_stops_the_run(sets: Sets) -> None:
    stored = sets.make()
    late = stored.table.as_of_us.copy()
    late[-1] += 60_000_000
    sets.publish_of("gold_features", changed=replace(stored.table, as_of_us=late))

    found = sets.check()["known_by_the_day"]

    assert (found.passed, found.blocking, found.severity) == (False, True, ERROR)
    assert "1 rows were not known by 2024-08-03 00:00; the latest is of 2024-08-03 00:01" in str(found.description)
    assert not sets.succeeded


@pytest.mark.parametrize(
    ("row", "moved_us", "sentence"),
    [
        (0, -60_000_000, "1 are older than 2024-08-01"),
        (100, -60_000_000, "1 are out of order"),
    ],
)
def test_a_row_of_another_time_is_named(sets: Sets, row: int, moved_us: int, sentence: str) -> None:
    stored = sets.make()
    opened, as_of = stored.table.open_us.copy(), stored.table.as_of_us.copy()
    opened[row] += moved_us
    as_of[row] += moved_us
    sets.publish_of("gold_features", changed=replace(stored.table, open_us=opened, as_of_us=as_of))
    found = sets.check()["known_by_the_day"]
    assert not found.passed
    assert sentence in str(found.description)


def test_a_feature_that_differs_in_the_last_bit_stops_the_run(sets: Sets) -> None:
    stored = sets.make()
    values = stored.table.values.copy()
    values[[600, 2_000], 3] = np.nextafter(values[[600, 2_000], 3], np.inf)
    sets.publish_of("gold_features", changed=replace(stored.table, values=values))

    found = sets.check()["as_in_its_inputs"]

    assert (found.passed, found.blocking, found.severity) == (False, True, ERROR)
    assert "1 columns of 2024-08-0" in str(found.description)
    assert stored.table.features[3] in str(found.description)
    assert not sets.succeeded


def test_a_close_that_is_not_the_candles_is_named(sets: Sets) -> None:
    stored = sets.make()
    close = stored.table.close.copy()
    close[[600, 2_000]] *= 1.0001
    sets.publish_of("gold_features", changed=replace(stored.table, close=close))
    found = sets.check()["as_in_its_inputs"]
    assert not found.passed
    assert "that the set names: close." in str(found.description)


def test_an_input_that_has_changed_since_is_a_warning(sets: Sets) -> None:
    sets.make()
    for day in (date(2024, 8, 1), LAST):
        gold = sets.lake.read(GOLD_FEATURES, "BTCUSDT", day)
        assert gold is not None
        sets.lake.publish(GOLD_FEATURES, "BTCUSDT", day, setting({"roc_1_1m": 0.5}, row=7)(gold))
    found = sets.check()["as_in_its_inputs"]
    assert (found.passed, found.severity) == (False, WARN)
    assert "is not the file any more that the set was made from" in str(found.description)
    assert sets.succeeded


@pytest.mark.parametrize("kept", [-100, 0])
def test_a_file_that_is_not_the_one_that_was_made_stops_the_run(sets: Sets, tmp_path: Path, kept: int) -> None:
    stored = sets.make()
    file = tmp_path / LSTM_TRAINING_SET.partition_path("BTCUSDT", LAST) / stored.version.file
    file.write_bytes(file.read_bytes()[:kept])

    found = sets.check()

    assert [name for name, e in found.items() if not e.passed] == list(found)
    assert (found["content_hash"].blocking, found["content_hash"].severity) == (True, ERROR)
    assert "but the list names" in str(found["content_hash"].description)
    assert "see content_hash" in str(found["known_by_the_day"].description)
    assert not sets.succeeded


def test_a_file_that_is_gone_is_named(sets: Sets, tmp_path: Path) -> None:
    stored = sets.make()
    (tmp_path / LSTM_TRAINING_SET.partition_path("BTCUSDT", LAST) / stored.version.file).unlink()
    assert "is gone. Materialise lstm_training_set" in str(sets.check()["content_hash"].description)


def spoiled_walk() -> FeatureTable:
    table = with_cold(with_filled(WALK, [700, 701, 1_440]), [5, 900])
    return without_rows(with_value(table, "roc_1_1m", np.inf, [1_200]), [*range(300, 310), 2_000])


@pytest.mark.parametrize("table", [WALK, spoiled_walk()], ids=["whole", "spoiled"])
def test_samples_are_counted_by_another_road_to_the_same_number(sets: Sets, table: FeatureTable) -> None:
    stored = sets.make(table)
    figures: Mapping[str, Any] = {name: m.value for name, m in sets.check()["enough_samples"].metadata.items()}
    assert figures["samples"] == len(stored.samples())


def test_the_count_that_would_be_enough_is_told(sets: Sets) -> None:
    sets.make()
    found = sets.check()["enough_samples"]
    assert found.severity is WARN
    assert str(found.description) == (
        "2024-08-02 BTCUSDT: 2,806 samples. The newest of 5 folds, which together test 50 % of them, has 280: 280 "
        "outcomes, 1 row ahead, that do not overlap. They tell a directional accuracy of 50 % to ±5.9 percentage "
        "points. Take more days: 24,010 samples tell it to ±2."
    )


def test_outcomes_that_overlap_are_not_counted_as_samples_of_their_own(sets: Sets) -> None:
    sets.make(horizons=(15, 1))
    found = sets.check()["enough_samples"]
    assert found.metadata["outcomes_apart"].value == 19
    assert str(found.description) == (
        "2024-08-02 BTCUSDT: 2,806 samples. The newest of 5 folds, which together test 50 % of them, has 280: 19 "
        "outcomes, 15 rows ahead, that do not overlap. They tell a directional accuracy of 50 % to ±22.5 percentage "
        "points. Take more days: 360,150 samples tell it to ±2."
    )


def test_candles_of_a_second_are_checked_too(sets: Sets) -> None:
    for day in (LAST - timedelta(days=1), LAST):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        sets.lake.publish(KLINES_1S, "BTCUSDT", day, walk_of_seconds(15_000, seed=day.day, start=start))
    stored = sets.publish_of("klines_1s")
    assert sets.failed() == {}
    values = stored.table.values.copy()
    values[[9_000, 20_000], stored.table.features.index("log_volume_1s")] += 1e-9
    sets.publish_of("klines_1s", changed=replace(stored.table, values=values))
    assert sets.failed() == {"as_in_its_inputs": ERROR}


def test_silver_takes_part_in_the_comparison(sets: Sets) -> None:
    sets.make()
    for day in (date(2024, 8, 1), LAST):
        sets.lake.files.remove(SILVER_KLINES["1m"].partition_path("BTCUSDT", day))
    assert sets.failed()["as_in_its_inputs"] is WARN
