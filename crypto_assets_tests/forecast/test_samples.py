"""Samples, against a version of them that is slow and obvious."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.samples import samples_of, window_rows
from crypto_assets.forecast.table import FeatureTable
from crypto_assets_tests.forecast.tables import (
    random_walk,
    table_of,
    with_cold,
    with_filled,
    with_value,
    without_rows,
)

ROWS = 40
some_rows = st.sets(st.integers(0, ROWS - 1), max_size=6)


@st.composite
def spoiled(draw: st.DrawFn) -> FeatureTable:
    """A walk with gaps, filled and cold rows, values that are null or infinite, and prices that are none."""
    table = random_walk(ROWS, seed=3)
    table = with_cold(with_filled(table, draw(some_rows)), draw(some_rows))
    table = with_value(table, "roc_3_1m", math.nan, draw(some_rows))
    table = with_value(table, "roc_1_1m", math.inf, draw(some_rows))
    close = table.close.copy()
    close[list(draw(st.sets(st.integers(0, ROWS - 1), max_size=2)))] = draw(st.sampled_from([0.0, math.nan, -1.0]))
    return without_rows(replace(table, close=close), draw(some_rows))


def slow_samples(table: FeatureTable, *, window: int, horizons: tuple[int, ...]) -> tuple[list[int], list[list[float]]]:
    """One row at a time, as a person would."""
    place = {int(moment): row for row, moment in enumerate(table.as_of_us)}
    rows: list[int] = []
    targets: list[list[float]] = []
    for row, as_of in enumerate(table.as_of_us.tolist()):
        inside = [place.get(as_of - back * table.step_us) for back in range(window)]
        after = [place.get(as_of + ahead * table.step_us) for ahead in horizons]
        if any(i is None or not table.warm[i] or not np.isfinite(table.values[i]).all() for i in inside):
            continue
        if any(i is None or not table.is_real[i] or not table.close[i] > 0 for i in (row, *after)):
            continue
        rows.append(row)
        targets.append([math.log(table.close[i]) - math.log(table.close[row]) for i in after if i is not None])
    return rows, targets


@given(
    table=spoiled(),
    window=st.integers(1, 6),
    horizons=st.sets(st.integers(1, 5), min_size=1, max_size=3).map(sorted).map(tuple),
)
def test_samples_are_those_of_the_slow_version(table: FeatureTable, window: int, horizons: tuple[int, ...]) -> None:
    found = samples_of(table, DataOptions(window=window, horizons=horizons))
    rows, targets = slow_samples(table, window=window, horizons=horizons)
    assert found.rows.tolist() == rows
    assert found.targets.shape == (len(rows), len(horizons))
    np.testing.assert_allclose(found.targets, np.array(targets).reshape(found.targets.shape), rtol=0, atol=1e-15)


def test_a_target_is_the_log_return_to_the_horizon() -> None:
    table = table_of(np.array([100.0, 101.0, 102.0, 100.0]), np.zeros((4, 4)))
    found = samples_of(table, DataOptions(window=1, horizons=(1, 3)))
    assert found.rows.tolist() == [0]
    np.testing.assert_allclose(found.targets, [[0.00995033085316809, 0.0]], atol=1e-15)


def test_no_window_lies_across_a_gap() -> None:
    table = without_rows(random_walk(30, seed=1), [10])
    assert window_rows(table, window=4).tolist() == [*range(3, 10), *range(13, 29)]


def test_a_filled_row_may_lie_in_a_window_but_is_neither_its_end_nor_a_target() -> None:
    table = with_filled(random_walk(30, seed=1), [10])
    found = samples_of(table, DataOptions(window=4, horizons=(2,)))
    assert found.rows.tolist() == [3, 4, 5, 6, 7, 9, *range(11, 28)]


def test_a_cold_row_is_in_no_window_yet_its_price_is_a_target() -> None:
    table = with_cold(random_walk(30, seed=1), [10])
    found = samples_of(table, DataOptions(window=4, horizons=(1,)))
    assert found.rows.tolist() == [*range(3, 10), *range(14, 29)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_row_with_a_value_that_is_no_number_is_in_no_window(value: float) -> None:
    table = with_value(random_walk(30, seed=1), "roc_1_1m", value, [10])
    assert not set(range(10, 14)) & set(window_rows(table, window=4).tolist())


def test_no_target_was_known_later_than_the_newest_row() -> None:
    table = without_rows(random_walk(30, seed=1), range(21, 30))
    found = samples_of(table, DataOptions(window=4, horizons=(1, 5)))
    assert found.rows.tolist() == list(range(3, 16))


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_table_shorter_than_a_window_has_no_sample(rows: int) -> None:
    table = random_walk(rows, seed=1)
    assert len(samples_of(table, DataOptions(window=4, horizons=(1, 2)))) == 0


def test_memory_is_that_of_the_table_whatever_the_window() -> None:
    table = random_walk(50_000, seed=1)
    windows_bytes = table.values.nbytes * 600
    tracemalloc.start()
    samples_of(table, DataOptions(window=600, horizons=(1, 5, 15)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * table.values.nbytes < windows_bytes / 50
