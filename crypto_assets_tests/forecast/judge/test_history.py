"""Past returns and volatility go by time, and read nothing after the row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.forecast.judge.history import past_returns, trailing_means, trailing_volatility
from crypto_assets_tests.forecast.tables import random_walk, without_rows

TABLE = random_walk(200, seed=3)


def test_a_past_return_is_that_of_the_rows_before() -> None:
    rows = np.array([20, 150])
    price = np.log(TABLE.close)
    assert past_returns(TABLE, rows, length=5).tolist() == pytest.approx((price[rows] - price[rows - 5]).tolist())
    expected = price[rows - 2] - price[rows - 3]
    assert past_returns(TABLE, rows, length=1, ago=2).tolist() == pytest.approx(expected.tolist())


def test_a_past_return_is_missing_where_its_first_or_last_row_is() -> None:
    gap = without_rows(TABLE, [15])
    row = np.array([19])  # of the table without row 15: minute 20
    assert np.isnan(past_returns(gap, row, length=5)).all()
    assert np.isnan(past_returns(gap, row, length=1, ago=5)).all()
    whole = past_returns(TABLE, np.array([20]), length=4)
    assert past_returns(gap, row, length=4).tolist() == whole.tolist()


def test_the_first_rows_have_no_past() -> None:
    assert np.isnan(past_returns(TABLE, np.array([0, 3, 4]), length=4)).tolist() == [True, True, False]


@given(row=st.integers(10, 198), seed=st.integers(0, 9))
@settings(max_examples=30)
def test_nothing_after_a_row_changes_its_past(row: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    later = np.arange(200) > row
    other = replace(TABLE, close=np.where(later, rng.uniform(1, 2, 200), TABLE.close))
    rows = np.array([row])
    assert past_returns(TABLE, rows, length=3, ago=2).tolist() == past_returns(other, rows, length=3, ago=2).tolist()
    assert trailing_volatility(TABLE, rows, window=8).tolist() == trailing_volatility(other, rows, window=8).tolist()


def test_volatility_is_the_root_mean_square_of_the_last_returns() -> None:
    returns = np.diff(np.log(TABLE.close))
    found = trailing_volatility(TABLE, np.array([50]), window=8)
    assert found[0] == pytest.approx(np.sqrt(np.mean(returns[42:50] ** 2)))


def test_volatility_counts_no_return_across_a_gap() -> None:
    crashed = replace(TABLE, close=TABLE.close * np.where(np.arange(200) >= 100, 0.5, 1.0))
    gap = without_rows(crashed, range(90, 100))
    assert trailing_volatility(gap, np.array([95]), window=8)[0] < 2e-3


@given(window=st.integers(1, 60), seed=st.integers(0, 9))
@settings(max_examples=30)
def test_trailing_means_are_those_of_slices(window: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(1e6, 1, (60, 2))
    rows = np.array([0, 7, 59])
    expected = [values[max(row + 1 - window, 0) : row + 1].mean(axis=0) for row in rows]
    assert trailing_means(values, rows, window=window) == pytest.approx(np.array(expected), rel=1e-12)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_counts_as_zero_and_only_in_windows_that_hold_it(strange: float) -> None:
    values = np.arange(1.0, 13.0)[:, None]
    values[5] = strange
    found = trailing_means(values, np.arange(12), window=3)[:, 0].tolist()
    assert found[5:8] == pytest.approx([(4 + 5) / 3, (5 + 7) / 3, (7 + 8) / 3])
    assert found[:5] + found[8:] == pytest.approx([1, 1.5, 2, 3, 4, 8, 9, 10, 11])


def test_there_are_no_means_of_no_rows() -> None:
    assert trailing_means(np.zeros((0, 2)), np.zeros(0, np.int64), window=3).shape == (0, 2)
