"""What counts as an aim that is met, and as a change."""

from __future__ import annotations

import pytest

from bench.comparing import Verdict, change_of, verdict_of
from bench.declared import Better
from bench.noise import Figure, figure_of


def figure(low: float, median: float, high: float, *, n: int = 6) -> Figure:
    return Figure(median, low, high, n, 0.95)


@pytest.mark.parametrize(
    ("low", "high", "better", "verdict"),
    [
        (1.0, 2.0, "lower", "met"),
        (1.9, 2.1, "lower", "open"),
        (2.1, 2.2, "lower", "missed"),
        (2.0, 2.5, "higher", "met"),
        (1.9, 2.1, "higher", "open"),
        (1.0, 1.9, "higher", "missed"),
    ],
)
def test_an_aim_is_met_or_missed_where_the_whole_interval_is(
    low: float, high: float, better: Better, verdict: Verdict
) -> None:
    assert verdict_of(figure(low, (low + high) / 2, high), aim=2.0, better=better) == verdict


def test_without_an_aim_there_is_no_verdict() -> None:
    assert verdict_of(figure(1, 2, 3), aim=None, better="lower") is None


@pytest.mark.parametrize(("better", "kind"), [("lower", "worse"), ("higher", "better")])
def test_intervals_apart_are_a_change_in_the_direction_of_the_measure(better: Better, kind: str) -> None:
    change = change_of(figure(1.1, 1.2, 1.3), figure(0.9, 1.0, 1.05), better=better)
    assert (change.kind, round(change.percent)) == (kind, 20)


def test_intervals_that_touch_are_no_change() -> None:
    assert change_of(figure(1.1, 1.5, 1.6), figure(0.9, 1.0, 1.1), better="lower").kind == "same"


def test_a_change_below_two_percent_is_not_told_however_small_the_noise() -> None:
    assert change_of(figure(1.015, 1.015, 1.015), figure(1.0, 1.0, 1.0), better="lower").kind == "same"
    assert change_of(figure(1.025, 1.025, 1.025), figure(1.0, 1.0, 1.0), better="lower").kind == "worse"


def test_a_figure_that_was_taken_once_tells_no_change() -> None:
    change = change_of(figure_of([2.0]), figure_of([1.0] * 6), better="lower")
    assert (change.kind, change.percent) == ("unknown", 100.0)


def test_a_figure_that_was_nothing_has_no_percent_of_it() -> None:
    assert change_of(figure(1, 1, 1), figure(0, 0, 0), better="lower").percent == 0.0
