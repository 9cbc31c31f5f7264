"""Spread and correlation are what other libraries say of the same numbers."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.dashboard.features.lanes import BY_NAME
from crypto_assets.dashboard.features.statistics import (
    METHODS,
    Method,
    correlation,
    histogram,
    presence,
    share_without_value,
    spread,
)
from crypto_assets.features.declaration import PRESENCE
from crypto_assets.spans import day_span
from crypto_assets_tests.dashboard.features.days import DAY

NAMES = ("rsi_14_1m", "macd_1m", "volume_spike_20_1m", "roc_1_1m")
maybe = st.one_of(st.none(), st.just(math.nan), st.integers(-5, 5).map(float))


def gold(**values: list[float | None]) -> pl.DataFrame:
    """The columns of a day's features that are looked at, all of them warm."""
    count = len(next(iter(values.values())))
    minutes = [day_span(DAY).start + timedelta(minutes=minute) for minute in range(count)]
    frame = pl.DataFrame({"open_time": minutes, "warm": [True] * count, **values})
    return frame.with_columns(pl.col(list(values)).cast(pl.Float64))


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40)
@given(data=st.data())
def test_coefficients_are_those_of_pandas_over_pairs_of_values(method: Method, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    columns = {name: data.draw(st.lists(maybe, min_size=count, max_size=count)) for name in NAMES}
    found = correlation(gold(**columns), NAMES, method=method)
    frame = pd.DataFrame(columns, dtype=float)[list(found.names)]
    expected = frame.corr(method="spearman" if method == "Spearman" else "pearson", min_periods=3).to_numpy()
    np.testing.assert_allclose(found.matrix, expected, atol=1e-12)


def test_rows_that_are_not_warm_do_not_count() -> None:
    values = {"rsi_14_1m": [90.0, 1.0, 2.0, 3.0], "macd_1m": [0.0, 1.0, 2.0, 3.0]}
    cold = gold(**values).with_columns(pl.Series("warm", [False, True, True, True]))
    found = correlation(cold, ["rsi_14_1m", "macd_1m"], method="Pearson")
    assert found.rows == 3
    assert found.matrix[0, 1] == pytest.approx(1.0)


def test_features_that_never_change_or_have_no_value_are_left_out() -> None:
    found = correlation(
        gold(rsi_14_1m=[1.0, 2.0, 3.0], macd_1m=[5.0, 5.0, 5.0], roc_1_1m=[None, math.nan, None]),
        ["macd_1m", "rsi_14_1m", "roc_1_1m"],
        method="Spearman",
    )
    assert (found.names, found.left_out) == (("rsi_14_1m",), ("macd_1m", "roc_1_1m"))


def test_a_spread_counts_what_is_missing_and_what_is_out_of_range() -> None:
    found = spread(gold(rsi_14_1m=[None, math.nan, -1.0, 0.0, 50.0, 100.0, 101.0]), BY_NAME["rsi_14_1m"])
    assert (found.rows, found.missing, found.outside) == (7, 2, 2)
    assert (found.minimum, found.median, found.mean, found.maximum) == (-1.0, 50.0, 50.0, 101.0)


def test_a_spread_of_nothing_has_no_figures() -> None:
    found = spread(gold(rsi_14_1m=[None, None]), BY_NAME["rsi_14_1m"])
    assert (found.missing, found.median, found.deviation) == (2, None, None)


@settings(max_examples=60)
@given(st.lists(st.one_of(maybe, st.floats(-1e300, 1e300)), min_size=1, max_size=50))
def test_every_value_is_in_one_bin(values: list[float | None]) -> None:
    bins = histogram(gold(macd_1m=values), "macd_1m")
    assert bins["rows"].sum() == sum(value is not None and math.isfinite(value) for value in values)


def test_values_that_hardly_differ_are_one_bin() -> None:
    bins = histogram(gold(macd_1m=[1e6, 1e6 + 1e-9]), "macd_1m")
    assert bins["rows"].to_list() == [2]


def test_the_share_without_a_value_is_of_a_quarter_of_an_hour() -> None:
    values: list[float | None] = [None, math.nan, *[1.0] * 14, None]
    shares = share_without_value(gold(macd_1m=values), ["macd_1m"])
    assert shares["share"].to_list() == pytest.approx([2 / 15, 1 / 2])


def test_presence_counts_rows_of_each_source() -> None:
    found = presence(gold(macd_1m=[1.0, 2.0]).with_columns(pl.lit(value=True).alias(c) for c in PRESENCE.values()))
    assert found["open interest"] == 2
