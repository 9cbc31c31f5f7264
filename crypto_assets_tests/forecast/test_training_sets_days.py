from __future__ import annotations

import hashlib
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from crypto_assets.errors import ConfigurationError, InputIncomplete, LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.selection import default_features
from crypto_assets.forecast.training_sets_days import MadeSet, days_of, make_set
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from crypto_assets.spans import to_us
from crypto_assets_tests.forecast.second_days import walk_of_seconds
from crypto_assets_tests.forecast.tables import FEATURES, publish_gold, random_walk, with_cold, with_value

LAST = date(2024, 8, 3)
LATER = datetime(2024, 9, 1, tzinfo=UTC)
THREE_DAYS = 3 * 1_440


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three days of gold, 2024-08-01 to -03, in which a macd is null and one minute of midnight is not warm."""
    lake = Lake(str(tmp_path))
    publish_gold(lake, "BTCUSDT", with_cold(random_walk(THREE_DAYS, seed=1), [0]), null=["macd_1m"])
    return lake


def made(lake: Lake, *, day: date = LAST, known_until: datetime = LATER, **options: object) -> MadeSet:
    data = DataOptions(**{"days": 3, **options})  # pyright: ignore[reportArgumentType]
    return make_set(lake, "BTCUSDT", day, options=data, known_until=known_until)


def test_days_ascend_up_to_the_one_named_and_begin_with_the_first_that_there_can_be() -> None:
    assert days_of(LAST, days=3) == (date(2024, 8, 1), date(2024, 8, 2), LAST)
    assert days_of(LAST, days=30, first_day=date(2024, 8, 2)) == (date(2024, 8, 2), LAST)


def test_a_set_has_the_days_and_the_default_features(lake: Lake) -> None:
    found = made(lake)
    assert len(found.table) == THREE_DAYS
    assert found.table.features == default_features("gold_features")
    assert (found.left_out, found.missing, found.not_numbers) == ({}, {}, {})


def test_inputs_are_the_sums_of_the_files(lake: Lake) -> None:
    inputs = made(lake).inputs
    assert len(inputs) == 6
    for dataset in (GOLD_FEATURES, SILVER_KLINES["1m"]):
        content = lake.files.read(dataset.partition_path("BTCUSDT", LAST))
        assert content is not None
        assert inputs[f"{dataset.name}/{LAST}"] == hashlib.sha256(content).hexdigest()


def test_nothing_enters_that_was_known_after_the_day(lake: Lake) -> None:
    found = made(lake, day=date(2024, 8, 2), days=2)
    assert int(found.table.as_of_us[-1]) == to_us(datetime(2024, 8, 3, tzinfo=UTC))
    assert {key.partition("/")[2] for key in found.inputs} == {"2024-08-01", "2024-08-02"}


def test_nothing_enters_that_was_known_after_the_moment_of_the_day_that_runs(lake: Lake) -> None:
    noon = datetime(2024, 8, 3, 12, 0, 30, tzinfo=UTC)
    assert int(made(lake, known_until=noon).table.as_of_us[-1]) == to_us(noon - timedelta(seconds=30))


@pytest.mark.parametrize("dataset", [GOLD_FEATURES, SILVER_KLINES["1m"]])
def test_a_day_that_either_input_lacks_is_told_of_and_is_a_gap(lake: Lake, dataset: object) -> None:
    assert dataset in {GOLD_FEATURES, SILVER_KLINES["1m"]}
    path = (GOLD_FEATURES if dataset == GOLD_FEATURES else SILVER_KLINES["1m"]).partition_path(
        "BTCUSDT", date(2024, 8, 2)
    )
    lake.files.remove(path)
    found = made(lake)
    assert list(found.missing) == [date(2024, 8, 2)]
    assert len(found.table) == 2 * 1_440
    assert int(np.diff(found.table.as_of_us).max()) == 1_441 * 60_000_000
    assert "2024-08-02" not in str(found.inputs)


def test_a_symbol_without_any_day_is_told_of(lake: Lake) -> None:
    with pytest.raises(InputIncomplete) as error:
        make_set(lake, "ETHUSDT", LAST, options=DataOptions(days=3), known_until=LATER)
    assert str(error.value) == (
        "gold_features and silver_klines_1m of ETHUSDT have none of the 3 days from 2024-08-01 to 2024-08-03."
    )


def test_a_constant_feature_is_left_out_and_named(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    publish_gold(
        lake, "BTCUSDT", with_value(random_walk(THREE_DAYS, seed=1), "roc_1_1m", 5.0), null=["doji_1m", "rsi_14_1m"]
    )
    found = made(lake)
    assert found.left_out == {
        "rsi_14_1m": "null in every warm row",
        "roc_1_1m": "the same in every warm row",
        "doji_1m": "null in every warm row",
    }
    assert len(found.table.features) == found.table.values.shape[1] == 42
    taken = found.table.values[:, found.table.features.index("roc_3_1m")]
    np.testing.assert_array_equal(taken, random_walk(THREE_DAYS, seed=1).values[:, FEATURES.index("roc_3_1m")])


def test_a_family_that_was_never_captured_fails_where_it_was_named(lake: Lake) -> None:
    with pytest.raises(InputIncomplete, match="spread_bps is null in every warm row"):
        made(lake, features=("roc_1_1m", "spread_bps"))


def test_named_features_are_taken_in_their_order(lake: Lake) -> None:
    assert made(lake, features=("roc_3_1m", "roc_1_1m")).table.features == ("roc_3_1m", "roc_1_1m")


def test_an_unknown_feature_is_answered_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gold_features has no feature rsi_15_1m"):
        made(Lake(str(tmp_path)), features=("rsi_15_1m",))


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_a_stored_value_that_is_no_number_is_counted(tmp_path: Path, value: float) -> None:
    lake = Lake(str(tmp_path))
    publish_gold(lake, "BTCUSDT", with_value(random_walk(THREE_DAYS, seed=1), "roc_1_1m", value, [5, 2_000]))
    assert made(lake).not_numbers == {"roc_1_1m": 2}


def test_a_file_that_is_no_parquet_is_named(lake: Lake) -> None:
    lake.files.publish(GOLD_FEATURES.partition_path("BTCUSDT", LAST), b"half a fi")
    with pytest.raises(LakeError, match=r"features\.parquet cannot be read: .* Materialise it again"):
        made(lake)


def test_seconds_are_read_from_the_archive(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    seconds = walk_of_seconds(2_000, seed=1, start=datetime(2024, 8, 3, tzinfo=UTC))
    lake.publish(KLINES_1S, "BTCUSDT", LAST, seconds)
    found = made(lake, source="klines_1s")
    assert len(found.table) == 2_000
    assert found.table.features == default_features("klines_1s")
    assert list(found.inputs) == ["klines_1s/2024-08-03"]
    assert list(found.missing) == [date(2024, 8, 1), date(2024, 8, 2)]
