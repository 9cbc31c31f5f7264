"""Tests and intervals against figures made by another road: by hand, by loops, by simulation."""

from __future__ import annotations

from math import log10, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from crypto_assets.forecast.judge.significance import (
    Interval,
    block_length,
    chance,
    diebold_mariano,
    pesaran_timmermann,
    skill_interval,
    wilson,
)
from crypto_assets.forecast.table import FloatArray

seeds = st.integers(0, 2**32 - 1)


def test_a_chance_reads_as_people_write_it() -> None:
    said = ["p = 0.012", "p = 0.001", "p < 0.001", "p < 0.001", "p = 1.000"]
    assert [chance(p) for p in (0.0123, 0.001, 0.000_999_9, 0.0, 1.0)] == said


def losses(seed: int, *, rows: int = 200, better: float = 0.0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, rows) ** 2 * (1 - better), rng.normal(0, 1, rows) ** 2


def moving_average(rows: int, *, length: int, seed: int) -> FloatArray:
    """Noise that overlaps as returns over `length` rows do; mean 0."""
    rng = np.random.default_rng(seed)
    return np.convolve(rng.normal(0, 1, rows + length - 1), np.ones(length), mode="valid")


def interval_of(
    loss: FloatArray, naive: FloatArray, *, horizon: int = 1, seed: int = 0, resamples: int = 2_000
) -> Interval | None:
    rng = np.random.default_rng(seed)
    return skill_interval(loss, naive, horizon=horizon, alpha=0.05, resamples=resamples, rng=rng)


@pytest.mark.parametrize(("horizon", "lags"), [(1, 4), (3, 4), (5, 8)])
def test_diebold_mariano_is_the_formula_worked_out_in_loops(horizon: int, lags: int) -> None:
    ours, theirs = losses(3, better=0.2)
    d = (ours - theirs).tolist()
    rows, mean = len(d), sum(d) / len(d)
    variance = sum((x - mean) ** 2 for x in d) / rows
    for lag in range(1, lags + 1):
        covariance = sum((d[i] - mean) * (d[i - lag] - mean) for i in range(lag, rows)) / rows
        variance += 2 * (1 - lag / (lags + 1)) * covariance
    harvey = sqrt((rows + 1 - 2 * horizon + horizon * (horizon - 1) / rows) / rows)
    expected = mean / sqrt(variance / rows) * harvey
    found = diebold_mariano(ours, theirs, horizon=horizon)
    assert found.lags == lags
    assert found.statistic == pytest.approx(expected, rel=1e-9)
    assert found.p == pytest.approx(t.cdf(expected, df=rows - 1), rel=1e-9)


@given(seed=seeds, horizon=st.integers(1, 10))
@settings(max_examples=30, deadline=None)
def test_diebold_mariano_of_both_ways_round_adds_up_to_certainty(seed: int, horizon: int) -> None:
    ours, theirs = losses(seed)
    one, other = diebold_mariano(ours, theirs, horizon=horizon), diebold_mariano(theirs, ours, horizon=horizon)
    assert one.statistic is not None
    assert other.statistic == pytest.approx(-one.statistic)
    assert one.p + other.p == pytest.approx(1)


@given(seed=seeds, power=st.integers(-12, 6))
@settings(max_examples=30, deadline=None)
def test_diebold_mariano_and_the_interval_do_not_know_the_unit_of_losses(seed: int, power: int) -> None:
    ours, theirs = losses(seed, better=0.1)
    unit = 10.0**power
    here, there = (diebold_mariano(ours * u, theirs * u, horizon=2) for u in (1.0, unit))
    assert here.p == pytest.approx(there.p, rel=1e-6)
    in_ones, in_units = interval_of(ours, theirs), interval_of(ours * unit, theirs * unit)
    assert in_ones is not None
    assert in_units is not None
    assert (in_ones.low, in_ones.high) == pytest.approx((in_units.low, in_units.high), rel=1e-6)


def test_overlapping_outcomes_are_not_taken_for_independent_ones() -> None:
    def share_significant(horizon: int) -> float:
        tried = [moving_average(400, length=15, seed=seed) for seed in range(600)]
        return float(np.mean([diebold_mariano(d, np.zeros(400), horizon=horizon).p < 0.05 for d in tried]))

    assert share_significant(15) < 0.075
    assert share_significant(1) > 0.15


def test_the_small_sample_correction_makes_significance_rarer() -> None:
    ours, theirs = losses(8, rows=60, better=0.5)
    short, long = (diebold_mariano(ours, theirs, horizon=horizon) for horizon in (1, 2))
    assert short.lags == long.lags  # so that the correction is all that differs
    assert short.statistic is not None
    assert long.statistic is not None
    assert long.statistic / short.statistic == pytest.approx(sqrt((60 + 1 - 4 + 2 / 60) / (60 + 1 - 2)))


NOTHING_TO_TEST = {
    "no rows": (np.zeros(0), np.zeros(0)),
    "29 rows": tuple(one[:29] for one in losses(1, better=0.9)),
    "the same losses": (losses(1)[0], losses(1)[0]),
    "always better by the same": (losses(1)[0], losses(1)[0] + 1),
    "an endless loss": (np.full(100, np.inf), np.ones(100)),
    "no number": (np.full(100, np.nan), np.ones(100)),
}


@pytest.mark.parametrize("name", NOTHING_TO_TEST)
def test_nothing_is_significant_where_nothing_can_be_tested(name: str) -> None:
    loss, other = NOTHING_TO_TEST[name]
    found = diebold_mariano(loss, other, horizon=1)
    assert (found.statistic, found.p) == (None, 1.0)
    assert found.lags == {0: 0, 29: 3, 100: 4, 200: 4}[loss.size]


def test_rows_that_hold_too_few_outcomes_of_a_long_horizon_are_not_tested() -> None:
    assert diebold_mariano(*losses(1, rows=115, better=0.9), horizon=15).p == 1.0
    assert diebold_mariano(*losses(1, rows=116, better=0.9), horizon=15).p < 0.05


def test_blocks_of_independent_rows_are_the_cube_root_of_rows() -> None:
    assert block_length(np.random.default_rng(4).normal(size=8_000)) == 20


@pytest.mark.parametrize("memory", [0.7, 0.9])
def test_blocks_of_an_autoregression_are_those_of_the_theory(memory: float) -> None:
    rows = 40_000
    noise = np.random.default_rng(2).normal(size=rows)
    series = np.zeros(rows)
    for row in range(1, rows):
        series[row] = memory * series[row - 1] + noise[row]
    # Of an AR(1): G / g(0) = 2 memory / (1 - memory²), put into (2 G² / (4/3 g(0)²))^(1/3) rows^(1/3).
    expected = (1.5 * (2 * memory / (1 - memory**2)) ** 2) ** (1 / 3) * rows ** (1 / 3)
    assert block_length(series) == pytest.approx(expected, rel=0.15)


def politis_and_white(series: list[float]) -> int:
    """The rule for the circular bootstrap in loops, lag by lag, as the papers give it; at least rows^(1/3)."""
    rows, mean = len(series), sum(series) / len(series)

    def covariance(lag: int) -> float:
        return sum((series[i] - mean) * (series[i + lag] - mean) for i in range(rows - lag)) / rows

    def is_significant(lag: int) -> bool:
        return abs(covariance(lag) / covariance(0)) >= 2 * sqrt(log10(rows) / rows)

    furthest = min(int(sqrt(rows)) + 5, (rows - 1) // 2)
    lag = 0
    while any(is_significant(lag + after) for after in range(1, 6)):
        lag += 1
    width = 2 * max(lag, 1)
    assert width <= 2 * furthest
    long_run, slope = covariance(0), 0.0
    for k in range(1, width + 1):
        weight = 1.0 if k <= width / 2 else 2 * (1 - k / width)  # a flat top
        long_run += 2 * weight * covariance(k)
        slope += 2 * weight * k * covariance(k)
    if long_run <= 0:
        return round(rows ** (1 / 3))
    best = (2 * slope**2 / (4 / 3 * long_run**2)) ** (1 / 3) * rows ** (1 / 3)
    return max(round(rows ** (1 / 3)), min(round(best), round(min(3 * sqrt(rows), rows / 3))))


@pytest.mark.parametrize("memory", [-0.7, -0.3, 0.0, 0.3, 0.5, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("rows", [60, 150, 700])
def test_blocks_are_the_rule_worked_out_in_loops(memory: float, rows: int) -> None:
    noise = np.random.default_rng(rows).normal(size=rows)
    series = np.zeros(rows)
    for row in range(1, rows):
        series[row] = memory * series[row - 1] + noise[row]
    assert block_length(series) == politis_and_white(series.tolist())


def test_a_block_is_no_longer_than_three_times_the_root_of_the_rows_unless_the_horizon_is() -> None:
    trend = np.arange(1_000.0)
    assert block_length(trend) == round(3 * sqrt(1_000))
    assert block_length(trend, at_least=400) == 400


@pytest.mark.parametrize("rows", [0, 1, 8, 29])
def test_a_block_of_few_rows_or_of_one_value_is_their_cube_root(rows: int) -> None:
    expected = {0: 0, 1: 1, 8: 2, 29: 3}[rows]
    assert block_length(np.arange(float(rows))) == expected
    assert block_length(np.ones(rows)) == expected
    assert block_length(np.ones(1_000)) == 10


@given(seed=seeds, at_least=st.integers(1, 300), rows=st.integers(0, 200))
@settings(max_examples=50, deadline=None)
def test_a_block_is_never_shorter_than_the_horizon_nor_longer_than_the_rows(
    seed: int, at_least: int, rows: int
) -> None:
    length = block_length(np.random.default_rng(seed).normal(size=rows).cumsum(), at_least=at_least)
    assert min(at_least, rows) <= length <= rows


def test_the_interval_of_independent_rows_is_that_of_the_delta_method() -> None:
    rng = np.random.default_rng(11)
    naive = rng.normal(0, 1, 20_000) ** 2
    loss = 0.9 * naive + 0.1 * rng.normal(0, 1, 20_000) ** 2 * 0.5
    ratio = loss.mean() / naive.mean()
    error = (loss - ratio * naive).std() / naive.mean() / sqrt(20_000)
    found = interval_of(loss, naive)
    assert found is not None
    assert found.low == pytest.approx(1 - ratio - 1.96 * error, abs=0.25 * error)
    assert found.high == pytest.approx(1 - ratio + 1.96 * error, abs=0.25 * error)


def test_the_interval_covers_the_truth_where_outcomes_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    def covered() -> float:
        hits = 0
        for seed in range(200):
            error = moving_average(600, length=15, seed=seed)
            signal = moving_average(600, length=15, seed=10_000 + seed)
            # The naive forecast misses signal and error, the model the error alone: the true skill is a half.
            found = interval_of(error**2, (error + signal) ** 2, horizon=15, seed=seed, resamples=200)
            hits += found is not None and found.low <= 0.5 <= found.high
        return hits / 200

    assert covered() >= 0.87
    monkeypatch.setattr("crypto_assets.forecast.judge.significance.block_length", lambda series, *, at_least: 1)
    assert covered() <= 0.6


@pytest.mark.parametrize(("rows", "horizon"), [(30, 1), (60, 15), (200, 7)])
def test_the_interval_is_that_of_rows_drawn_block_by_block(rows: int, horizon: int) -> None:
    loss, naive = losses(3, rows=rows, better=0.1)
    length = block_length(loss - naive, at_least=horizon)
    starts = np.random.default_rng(5).integers(0, rows, size=(400, rows // length + 1))
    skills: list[float] = []
    for of_one in starts.tolist():
        drawn = [(start + step) % rows for start in of_one for step in range(length)][:rows]
        skills.append(1 - loss[drawn].sum() / naive[drawn].sum())
    rng = np.random.default_rng(5)
    found = skill_interval(loss, naive, horizon=horizon, alpha=0.1, resamples=400, rng=rng)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(skills, [0.05, 0.95])), rel=1e-9)


def test_the_same_generator_gives_the_same_interval() -> None:
    assert interval_of(*losses(5)) == interval_of(*losses(5))
    assert interval_of(*losses(5)) != interval_of(*losses(5), seed=1)


def test_resamples_drawn_in_parts_cover_what_they_cover_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = interval_of(*losses(5, rows=2_000, better=0.1))
    monkeypatch.setattr("crypto_assets.forecast.judge.significance.CELLS_AT_ONCE", 1_000)
    in_parts = interval_of(*losses(5, rows=2_000, better=0.1))
    assert at_once is not None
    assert in_parts is not None
    assert (in_parts.low, in_parts.high) == pytest.approx((at_once.low, at_once.high), abs=0.02)


def test_a_perfect_forecast_has_the_skill_1_and_persistence_itself_0() -> None:
    loss, naive = np.zeros(100), losses(1, rows=100)[0]
    assert interval_of(loss, naive) == Interval(low=1.0, high=1.0)
    itself = interval_of(naive, naive)
    assert itself is not None
    assert (itself.low, itself.high) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize(("rows", "horizon", "naive"), [(29, 1, 1.0), (0, 1, 1.0), (59, 15, 1.0), (100, 1, 0.0)])
def test_there_is_no_interval_of_few_rows_or_of_a_price_that_never_moved(rows: int, horizon: int, naive: float) -> None:
    assert interval_of(np.ones(rows), np.full(rows, naive), horizon=horizon) is None


def test_wilson_of_a_day_of_minutes_is_2_6_points_wide_to_each_side() -> None:
    # (p + z²/2n ± z sqrt(p q/n + z²/4n²)) / (1 + z²/n) with z = 1.959964, n = 1,440: 0.5 ± 0.025790
    found = wilson(720, 1_440, alpha=0.05)
    assert (found.low, found.high) == pytest.approx((0.474210, 0.525790), abs=1e-6)


def test_wilson_without_trials_says_nothing() -> None:
    assert wilson(0, 0, alpha=0.05) == Interval(low=0, high=1)


def directions(up_up: int, up_down: int, down_up: int, down_down: int) -> tuple[list[bool], list[bool]]:
    """Foretold and realised: counts by foretold, then realised direction."""
    pairs = [(True, True)] * up_up + [(True, False)] * up_down + [(False, True)] * down_up
    pairs += [(False, False)] * down_down
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def test_pesaran_and_timmermann_worked_out_by_hand() -> None:
    # 70 of 100 hits, half foretold up, 60 went up: by chance 0.5; variances 0.0025 and 0.0001 + 0.000024.
    foretold, realised = (np.array(one) for one in directions(40, 10, 20, 30))
    found = pesaran_timmermann(foretold, realised)
    assert found.statistic == pytest.approx(0.2 / sqrt(0.002376))
    assert found.p == pytest.approx(2.04e-5, rel=0.01)


def test_pesaran_and_timmermann_of_lopsided_directions_worked_out_by_hand() -> None:
    # 60 of 100 hits, 60 foretold up, 70 went up: by chance 0.54, variance 0.54 * 0.46 / 100 = 0.002484, less that of
    # chance: 0.4² * 0.24 / 100 + 0.2² * 0.21 / 100 + 4 * 0.7 * 0.6 * 0.3 * 0.4 / 10,000 = 0.00048816.
    foretold, realised = (np.array(one) for one in directions(45, 15, 25, 15))
    found = pesaran_timmermann(foretold, realised)
    assert found.statistic == pytest.approx(0.06 / sqrt(0.002484 - 0.00048816))
    assert found.p == pytest.approx(0.0896, abs=1e-4)


def test_thirty_rows_are_enough_to_test_directions() -> None:
    foretold, realised = (np.array(one) for one in directions(10, 5, 5, 10))
    assert pesaran_timmermann(foretold, realised).statistic is not None


@given(seed=seeds)
@settings(max_examples=30)
def test_the_opposite_directions_turn_the_test_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    foretold, realised = rng.random(200) < 0.4, rng.random(200) < 0.6
    one, other = pesaran_timmermann(foretold, realised), pesaran_timmermann(~foretold, realised)
    assert one.statistic is not None
    assert other.statistic == pytest.approx(-one.statistic)


@pytest.mark.parametrize(
    "counts", [(29, 0, 0, 0), (60, 40, 0, 0), (50, 0, 50, 0), (100, 0, 0, 0), (14, 0, 0, 15), (0, 0, 0, 0)]
)
def test_directions_that_are_all_the_same_or_few_are_not_tested(counts: tuple[int, int, int, int]) -> None:
    found = pesaran_timmermann(*(np.array(one, dtype=bool) for one in directions(*counts)))
    assert (found.statistic, found.p) == (None, 1.0)
