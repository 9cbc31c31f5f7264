from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crypto_assets.errors import BadPayload
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.minutes import count_not_numbers, gold_rows
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import FLAGS, SILVER_KLINES
from crypto_assets_tests.checks.spoil import setting, without
from crypto_assets_tests.forecast.tables import FEATURES, publish_gold, random_walk, with_filled

DAY = date(2024, 8, 1)
Day = tuple[pa.Table, pa.Table]


def day_of(table: FeatureTable, folder: Path, *, day: date = DAY) -> Day:
    """What gold and silver hold of it."""
    lake = Lake(str(folder))
    publish_gold(lake, "BTCUSDT", table)
    gold, silver = lake.read(GOLD_FEATURES, "BTCUSDT", day), lake.read(SILVER_KLINES["1m"], "BTCUSDT", day)
    assert gold is not None
    assert silver is not None
    return gold, silver


def rows(*days: Day) -> FeatureTable:
    return gold_rows(days, symbol="BTCUSDT", features=FEATURES)


def test_rows_are_golds_beside_the_close_of_silver(tmp_path: Path) -> None:
    table = random_walk(200, seed=1)
    found = rows(day_of(table, tmp_path))
    np.testing.assert_array_equal(found.values, table.values)
    np.testing.assert_array_equal(found.as_of_us, table.as_of_us)
    np.testing.assert_array_equal(found.close, np.round(table.close, 8))
    assert found.features == FEATURES
    assert found.step_us == 60_000_000


@pytest.mark.parametrize("flag", ["filled", "out_of_range", "ohlc_violation"])
def test_a_price_that_was_not_traded_is_never_the_close(tmp_path: Path, flag: str) -> None:
    gold, silver = day_of(random_walk(20, seed=1), tmp_path)
    silver = setting({"flags": FLAGS[flag], "close": "1"}, row=10)(silver)
    found = rows((gold, silver))
    assert found.is_real.tolist() == [True] * 10 + [False] + [True] * 9
    assert found.close[10] == found.close[9] != 1


def test_a_row_that_gold_made_from_no_real_candle_is_not_real(tmp_path: Path) -> None:
    gold, silver = day_of(random_walk(20, seed=1), tmp_path)
    found = rows((setting({"filled": True}, row=10)(gold), silver))
    assert not found.is_real[10]
    assert found.close[10] == found.close[9]


def test_a_row_whose_candle_is_gone_from_silver_is_not_real(tmp_path: Path) -> None:
    gold, silver = day_of(random_walk(20, seed=1), tmp_path)
    found = rows((gold, without(10, 19)(silver)))
    assert np.flatnonzero(~found.is_real).tolist() == [10, 19]
    assert found.close[19] == found.close[18]


def test_the_last_real_close_is_carried_over_midnight(tmp_path: Path) -> None:
    table = with_filled(random_walk(1_500, seed=1), range(1_438, 1_445))
    found = rows(day_of(table, tmp_path), day_of(table, tmp_path, day=date(2024, 8, 2)))
    assert set(found.close[1_438:1_445].tolist()) == {found.close[1_437]}


def test_rows_begin_with_the_first_real_close(tmp_path: Path) -> None:
    table = with_filled(random_walk(20, seed=1), range(5))
    found = rows(day_of(table, tmp_path))
    assert len(found) == 15
    assert found.open_us[0] == table.open_us[5]


def test_a_day_without_a_real_close_gives_no_row(tmp_path: Path) -> None:
    gold, silver = day_of(random_walk(20, seed=1), tmp_path)
    assert len(rows((gold, silver.slice(0, 0)))) == 0


def test_days_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    table = random_walk(1_500, seed=1)
    first, second = (day_of(table, tmp_path, day=day) for day in (DAY, date(2024, 8, 2)))
    with pytest.raises(BadPayload, match=r"that of 2024-08-01 00:00:00\+00:00 comes after a later one"):
        rows(second, first)


def test_a_null_is_no_value_and_a_nan_is_a_wrong_one(tmp_path: Path) -> None:
    gold, silver = day_of(random_walk(20, seed=1), tmp_path)
    for row, value in enumerate([None, math.nan, math.inf, -math.inf]):
        gold = setting({"roc_1_1m": value}, row=row)(gold)
    assert count_not_numbers(gold, FEATURES) == {"roc_1_1m": 3}
    assert np.isfinite(rows((gold, silver)).values[:, 0]).tolist() == [False] * 4 + [True] * 16
