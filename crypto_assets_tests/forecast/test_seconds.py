from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.seconds import SECOND_FEATURES, second_rows
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.schemas import FLAGS
from crypto_assets_tests.forecast.second_days import candle, seconds_of, walk_of_seconds


def rows_of(*candles: dict[str, object]) -> FeatureTable:
    return second_rows([seconds_of(candles)], symbol="BTCUSDT")


def test_a_second_says_what_its_formulas_say() -> None:
    table = rows_of(candle(0, "100"), candle(1, "110", "4", bought="3"))
    assert table.features == tuple(feature.name for feature in SECOND_FEATURES)
    assert table.values[1].tolist() == pytest.approx(
        [math.log(110 / 100), math.log(111 / 109), math.log(5), 0.75, math.log(4)], rel=1e-15
    )
    assert table.close.tolist() == [100.0, 110.0]
    assert (table.as_of_us - table.open_us).tolist() == [1_000_000, 1_000_000]


def test_the_first_second_has_no_return_and_is_not_warm() -> None:
    table = rows_of(candle(0, "100"), candle(1, "110"))
    assert table.warm.tolist() == [False, True]
    assert np.isnan(table.values[0, 0])


def test_a_second_without_a_trade_is_a_real_row_in_which_nothing_moved() -> None:
    table = rows_of(candle(0, "100"), candle(1, "100", "0", flags=FLAGS["no_trades"]), candle(2, "101"))
    assert table.is_real.tolist() == [True, True, True]
    assert table.values[1].tolist() == [0.0, 0.0, 0.0, 0.5, 0.0]


@pytest.mark.parametrize("flag", ["filled", "out_of_range", "ohlc_violation"])
def test_a_second_that_did_not_trade_so_carries_the_last_real_close_forward(flag: str) -> None:
    table = rows_of(candle(0, "100"), candle(1, "-5", "9", flags=FLAGS[flag]), candle(2, "110"))
    assert table.is_real.tolist() == [True, False, True]
    assert table.close.tolist() == [100.0, 100.0, 110.0]
    assert table.values[1].tolist() == [0.0, 0.0, 0.0, 0.5, 0.0]
    assert table.values[2, 0] == pytest.approx(math.log(1.1), rel=1e-15)


def test_a_second_without_a_candle_is_a_gap_that_no_return_bridges() -> None:
    table = rows_of(candle(0, "100"), candle(2, "110"), candle(3, "111"))
    assert table.warm.tolist() == [False, False, True]
    assert np.isnan(table.values[1, 0])
    assert len(samples_of(table, DataOptions(window=2, horizons=(1,)))) == 0


def test_rows_begin_with_the_first_real_close() -> None:
    table = rows_of(candle(0, "7", flags=FLAGS["filled"]), candle(1, "100"), candle(2, "101"))
    assert table.close.tolist() == [100.0, 101.0]


def test_a_candle_off_the_grid_stands_for_no_second() -> None:
    table = rows_of(candle(0, "100"), candle(1, "500", flags=FLAGS["off_grid"]), candle(2, "101"))
    assert table.close.tolist() == [100.0, 101.0]


def test_midnight_is_no_gap() -> None:
    first, second = walk_of_seconds(100, seed=1).slice(0, 60), walk_of_seconds(100, seed=1).slice(60)
    parted, whole = second_rows([first, second], symbol="X"), second_rows([walk_of_seconds(100, seed=1)], symbol="X")
    np.testing.assert_array_equal(parted.values, whole.values)


def test_days_in_the_wrong_order_are_refused() -> None:
    table = walk_of_seconds(100, seed=1)
    with pytest.raises(BadPayload, match=r"that of 2024-08-01 00:00:00\+00:00 comes after a later one"):
        second_rows([table.slice(60), table.slice(0, 60)], symbol="X")


def test_a_decimal_becomes_the_nearest_float() -> None:
    table = rows_of(candle(0, "61234.56"), candle(1, "0.00000123", "0"))
    assert table.close.tolist() == [61234.56, 0.00000123]


@given(cut=st.integers(1, 299))
def test_no_row_changes_when_the_future_is_cut_off(cut: int) -> None:
    day = walk_of_seconds(300, seed=2)
    whole, until = second_rows([day], symbol="X"), second_rows([day.slice(0, cut)], symbol="X")
    np.testing.assert_array_equal(whole.values[:cut], until.values)
    np.testing.assert_array_equal(whole.close[:cut], until.close)
