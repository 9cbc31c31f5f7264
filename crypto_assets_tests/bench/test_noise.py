"""Intervals of medians, against tables of the binomial distribution."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.noise import figure_of


def test_six_rounds_hold_the_median_between_the_least_and_the_most() -> None:
    figure = figure_of([5.0, 1.0, 4.0, 2.0, 6.0, 3.0])
    assert (figure.median, figure.low, figure.high, figure.n) == (3.5, 1.0, 6.0, 6)
    assert figure.confidence == 0.95


def test_an_outlier_of_nine_rounds_does_not_widen_the_interval() -> None:
    """The table of order statistics gives the second and the eighth of nine."""
    figure = figure_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 900.0])
    assert (figure.median, figure.low, figure.high) == (5.0, 2.0, 8.0)


@pytest.mark.parametrize(("n", "confidence"), [(1, 0.0), (2, 0.5), (3, 0.75), (4, 0.875), (5, 0.9375)])
def test_few_rounds_say_how_little_they_are_sure(n: int, confidence: float) -> None:
    figure = figure_of([float(value) for value in range(n)])
    assert (figure.low, figure.high, figure.confidence) == (0.0, n - 1.0, confidence)


@pytest.mark.parametrize("values", [[], [1.0, nan]])
def test_what_is_no_number_makes_no_figure(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no figure"):
        figure_of(values)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_median_lies_in_its_interval_which_lies_among_the_rounds(values: list[float]) -> None:
    figure = figure_of(values)
    assert min(values) <= figure.low <= figure.median <= figure.high <= max(values)
