from __future__ import annotations

import math

import numpy as np
import pytest

from crypto_assets.errors import ConfigurationError, InputIncomplete
from crypto_assets.features.declaration import FEATURES
from crypto_assets.forecast.selection import default_features, known_features, select_features, wanted_features

NAMES = ("moves", "constant", "null")
VALUES = np.array([[1.0, 5.0, math.nan], [2.0, 5.0, math.nan], [3.0, 5.0, math.nan]])
WARM = np.ones(3, dtype=bool)


def test_default_features_of_gold_come_from_candles_and_know_no_price_level() -> None:
    chosen = default_features("gold_features")
    by_name = {feature.name: feature for feature in FEATURES}
    assert len(chosen) == 45
    assert {"rsi_14_1m", "roc_1_1m", "vwap_distance_bps_20_15m", "engulfing_1m"} <= set(chosen)
    assert {by_name[name].source.value for name in chosen} == {"klines"}
    assert not {by_name[name].unit for name in chosen} & {"quote asset", "base asset", "minutes", "day"}


def test_default_features_of_seconds_are_all_of_them() -> None:
    assert default_features("klines_1s") == (
        "log_return_1s",
        "log_range_1s",
        "log_volume_1s",
        "taker_share_1s",
        "log_count_1s",
    )


def test_a_price_level_may_be_named() -> None:
    assert wanted_features("gold_features", ["vwap_20_1m"]) == ("vwap_20_1m",)
    assert wanted_features("gold_features", []) == default_features("gold_features")
    assert len(known_features("gold_features")) == len(FEATURES)


def test_a_feature_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError) as error:
        wanted_features("klines_1s", ["log_return_1s", "rsi_14_1m"])
    assert str(error.value) == (
        "klines_1s has no feature rsi_14_1m. It has: log_return_1s, log_range_1s, log_volume_1s, taker_share_1s, "
        "log_count_1s."
    )


def test_what_says_nothing_is_left_out_with_the_reason() -> None:
    found = select_features(NAMES, VALUES, warm=WARM, named=False)
    assert found.used == ("moves",)
    assert found.left_out == {"constant": "the same in every warm row", "null": "null in every warm row"}


def test_what_a_person_named_is_never_left_out_silently() -> None:
    with pytest.raises(InputIncomplete) as error:
        select_features(NAMES, VALUES, warm=WARM, named=True)
    assert "2 of the features that were named say nothing" in str(error.value)
    assert "constant is the same in every warm row; null is null in every warm row" in str(error.value)


def test_what_only_cold_rows_hold_says_nothing() -> None:
    values = np.array([[9.0], [1.0], [1.0]])
    with pytest.raises(InputIncomplete, match="None of 1 features has two different values in the 2 warm rows of 3"):
        select_features(("late",), values, warm=np.array([False, True, True]), named=False)


def test_rows_none_of_which_is_warm_are_told_of() -> None:
    with pytest.raises(InputIncomplete, match="None of the 3 rows is warm"):
        select_features(NAMES, VALUES, warm=~WARM, named=True)


def test_an_infinite_value_makes_no_feature_vary() -> None:
    values = np.array([[1.0, 1.0], [2.0, math.inf], [3.0, 1.0]])
    assert select_features(("a", "b"), values, warm=WARM, named=False).used == ("a",)
