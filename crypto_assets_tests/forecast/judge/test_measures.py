"""Measures against figures worked out by hand or by another library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, pearsonr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from crypto_assets.forecast.judge.measures import (
    calibration_of,
    direction_of,
    errors_of,
    lag_test,
    not_overlapping,
    profit_of,
    regime_bounds,
    regime_of,
    skill,
)
from crypto_assets.forecast.judge.significance import pesaran_timmermann, wilson
from crypto_assets.forecast.table import BoolArray, FloatArray

seeds = st.integers(0, 2**32 - 1)


def pair(seed: int, *, rows: int = 200, share: float = 0.5) -> tuple[FloatArray, FloatArray]:
    """Forecast and outcome; log-returns."""
    rng = np.random.default_rng(seed)
    known = rng.normal(0, 1e-4, rows)
    return share * known, known + rng.normal(0, 1e-4, rows)


def all_of(values: FloatArray) -> BoolArray:
    return np.ones(values.size, dtype=np.bool_)


def test_errors_worked_out_by_hand() -> None:
    forecast, realised = np.array([1e-4, -1e-4, 0.0]), np.array([3e-4, -1e-4, -1e-4])
    found = errors_of(forecast, realised, scale=np.full(3, 2e-4))
    assert found.rmse_bps == pytest.approx((5 / 3) ** 0.5)
    assert found.mae_bps == pytest.approx(1.0)
    assert found.mase == pytest.approx(0.5)
    assert found.skill == pytest.approx(1 - 5 / 11)


@given(seed=seeds)
@settings(max_examples=20)
def test_errors_are_those_of_scikit_learn(seed: int) -> None:
    forecast, realised = pair(seed)
    found = errors_of(forecast, realised, scale=np.full(200, 1e-4))
    assert found.rmse_bps == pytest.approx(1e4 * root_mean_squared_error(realised, forecast))
    assert found.mae_bps == pytest.approx(1e4 * mean_absolute_error(realised, forecast))
    centred = realised - realised.mean()  # the mean of the outcomes is then the zero return
    assert skill((forecast - centred) ** 2, centred**2) == pytest.approx(r2_score(centred, forecast))


@given(seed=seeds, power=st.integers(-8, 3))
@settings(max_examples=20)
def test_mase_and_skill_do_not_know_the_unit(seed: int, power: int) -> None:
    forecast, realised = pair(seed)
    unit = 10.0**power
    here, there = (errors_of(forecast * u, realised * u, scale=np.full(200, 1e-4 * u)) for u in (1.0, unit))
    assert here.mase == pytest.approx(there.mase)
    assert here.skill == pytest.approx(there.skill)
    assert there.rmse_bps == pytest.approx(unit * here.rmse_bps)


def test_every_row_is_scaled_by_the_training_rows_of_its_own_fold() -> None:
    error = np.array([1e-4, 1e-4])
    assert errors_of(error, np.zeros(2), scale=np.array([1e-4, 4e-4])).mase == pytest.approx((1 + 0.25) / 2)


def test_a_price_that_never_moved_has_no_mase_and_no_skill() -> None:
    found = errors_of(np.full(50, 1e-4), np.zeros(50), scale=np.zeros(50))
    assert (found.mase, found.skill) == (None, None)
    assert found.rmse_bps == pytest.approx(1.0)
    one_still = errors_of(np.full(2, 1e-4), np.zeros(2), scale=np.array([0.0, 1e-4]))
    assert one_still.mase is None


def test_directions_leave_out_prices_that_did_not_move_and_forecasts_that_say_nothing() -> None:
    forecast, realised = np.array([1.0, 1, -1, 0, 1, -1]), np.array([2.0, -2, -2, 5, 0, -1])
    found = direction_of(forecast, realised, apart=all_of(forecast), horizon=1, alpha=0.05)
    assert (found.rows, found.accuracy) == (4, 0.75)
    assert found.interval == wilson(3, 4, alpha=0.05)


def test_outcomes_that_overlap_count_once_in_the_interval_and_in_the_test() -> None:
    forecast, realised = pair(1, rows=600)
    apart = not_overlapping(np.arange(600), length_us=5)
    found = direction_of(forecast, realised, apart=apart, horizon=5, alpha=0.05)
    assert found.accuracy is not None
    assert found.rows == 600
    assert found.interval == wilson(found.accuracy * 120, 120, alpha=0.05)
    assert found.test == pesaran_timmermann(forecast[::5] > 0, realised[::5] > 0)


def test_directions_that_are_all_wrong_have_an_interval_from_zero_on() -> None:
    realised = np.where(np.arange(100) % 3 == 0, 1.0, -1.0)
    found = direction_of(-realised, realised, apart=all_of(realised), horizon=1, alpha=0.05)
    assert found.accuracy == 0
    assert found.interval == wilson(0, 100, alpha=0.05)
    assert found.interval.high < 0.05


def test_persistence_foretells_no_direction() -> None:
    found = direction_of(np.zeros(50), np.ones(50), apart=all_of(np.zeros(50)), horizon=1, alpha=0.05)
    assert (found.rows, found.accuracy, found.interval.low, found.interval.high) == (0, None, 0, 1)
    assert found.test.p == 1.0


@given(seed=seeds)
@settings(max_examples=20)
def test_calibration_is_the_line_of_scipy(seed: int) -> None:
    forecast, realised = pair(seed)
    found, line = calibration_of(forecast, realised), linregress(forecast, realised)
    assert found.slope == pytest.approx(line.slope)
    assert found.intercept_bps == pytest.approx(1e4 * line.intercept, abs=1e-9)


def test_the_share_inside_the_interval_counts_its_edges() -> None:
    forecast, realised = np.zeros(4), np.array([0.0, 1.0, -1.0, 2.0])
    found = calibration_of(forecast, realised, half_width=np.ones(4), stated=0.8)
    assert (found.inside, found.stated) == (0.75, 0.8)


@pytest.mark.parametrize("forecast", [np.zeros(100), np.full(100, 3e-5), pair(1, rows=29)[0]])
def test_a_forecast_that_does_not_vary_has_no_slope(forecast: FloatArray) -> None:
    found = calibration_of(forecast, np.linspace(-1, 1, forecast.size))
    assert (found.slope, found.intercept_bps, found.inside) == (None, None, None)


def history(horizon: int, *, lags: int = 3, rows: int = 500) -> tuple[FloatArray, FloatArray]:
    """Outcomes over `horizon` rows, and the returns over as many that ended 0, 1 … rows before; of noise."""
    price = np.random.default_rng(3).normal(0, 1e-4, rows + 2 * horizon + lags).cumsum()
    row = np.arange(horizon + lags, horizon + lags + rows)
    past = [price[row - ago] - price[row - ago - horizon] for ago in range(lags)]
    return price[row + horizon] - price[row], np.column_stack(past)


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_shifted_copy_is_called_one_and_its_shift_is_told(horizon: int) -> None:
    realised, past = history(horizon)
    for ago in range(3):
        found = lag_test(0.5 * past[:, ago], realised, past=past, horizon=horizon)
        assert (found.is_copy, found.lag) == (True, horizon + ago)
        assert found.strongest == pytest.approx(1)


def test_a_forecast_that_knows_the_outcome_is_no_copy() -> None:
    realised, past = history(1)
    found = lag_test(realised + 0.3 * past[:, 0], realised, past=past, horizon=1)
    assert not found.is_copy
    assert found.with_outcome == pytest.approx(pearsonr(realised + 0.3 * past[:, 0], realised).statistic)


def test_a_forecast_half_of_noise_is_no_copy() -> None:
    realised, past = history(1)
    noise = np.random.default_rng(1).normal(0, 1e-4, 500)
    assert not lag_test(past[:, 0] + noise, realised, past=past, horizon=1).is_copy


def test_returns_across_a_gap_are_left_out_of_the_correlation() -> None:
    realised, past = history(1)
    past[::7] = np.nan
    assert lag_test(np.nan_to_num(past[:, 1], nan=1.0), realised, past=past, horizon=1).strongest == pytest.approx(1)


def test_of_two_past_returns_that_are_alike_the_newer_one_is_named() -> None:
    realised, past = history(1)
    past[:, 2] = past[:, 1]
    assert lag_test(past[:, 1], realised, past=past, horizon=1).lag == 2


def test_a_copy_is_one_although_nothing_happened_afterwards() -> None:
    _, past = history(1)
    found = lag_test(past[:, 0], np.zeros(500), past=past, horizon=1)
    assert (found.with_outcome, found.lag, found.is_copy) == (None, 1, True)


def test_without_a_past_the_correlation_with_the_outcome_is_still_told() -> None:
    realised, past = history(1)
    found = lag_test(realised, realised, past=np.full_like(past, np.nan), horizon=1)
    assert found.with_outcome == pytest.approx(1)
    assert (found.strongest, found.lag, found.is_copy) == (None, None, False)


@pytest.mark.parametrize(("rows", "is_known"), [(29, False), (30, True)])
def test_thirty_rows_are_enough_for_a_correlation_and_a_slope(rows: int, is_known: bool) -> None:
    realised, past = history(1, rows=rows)
    assert (lag_test(realised, realised, past=past, horizon=1).with_outcome is not None) == is_known
    assert (calibration_of(realised, realised).slope is not None) == is_known


@pytest.mark.parametrize(("noise", "is_copy"), [(0.47, True), (0.5, False)])
def test_a_copy_has_a_correlation_of_nine_tenths(noise: float, is_copy: bool) -> None:
    realised, past = history(1)
    apart = np.random.default_rng(1).normal(size=500)
    centred = past[:, 0] - past[:, 0].mean()
    apart -= apart.mean() + centred * (apart @ centred) / (centred @ centred)
    forecast = centred / np.linalg.norm(centred) + noise * apart / np.linalg.norm(apart)
    found = lag_test(forecast, realised, past=past, horizon=1)
    assert found.strongest == pytest.approx((1 + noise**2) ** -0.5)
    assert found.is_copy == is_copy


def test_a_forecast_that_never_varies_is_a_copy_of_nothing() -> None:
    realised, past = history(1)
    found = lag_test(np.zeros(500), realised, past=past, horizon=1)
    assert (found.with_outcome, found.strongest, found.lag, found.is_copy) == (None, None, None, False)


def test_profit_pays_to_enter_and_to_leave() -> None:
    forecast, realised = np.array([1.0, -1, 0, 1]), np.array([30e-4, -10e-4, 50e-4, -5e-4])
    found = profit_of(forecast, realised, apart=all_of(forecast), fee_bps=10)
    assert found.trades == 3
    assert found.before_fees_bps == pytest.approx(35)
    assert found.after_fees_bps == pytest.approx(-25)
    assert found.per_trade_bps == pytest.approx(-25 / 3)


def test_a_trade_begins_when_the_one_before_has_ended() -> None:
    forecast, realised = np.ones(6), np.full(6, 1e-4)
    apart = not_overlapping(np.arange(6), length_us=3)
    assert profit_of(forecast, realised, apart=apart, fee_bps=0).trades == 2


def test_no_direction_is_no_trade() -> None:
    found = profit_of(np.zeros(5), np.ones(5), apart=all_of(np.zeros(5)), fee_bps=10)
    assert (found.trades, found.after_fees_bps, found.per_trade_bps) == (0, 0, None)


def test_rows_that_do_not_overlap_are_found_by_time_across_gaps() -> None:
    moments = np.array([0, 1, 2, 3, 10, 11, 12, 13])
    assert not_overlapping(moments, length_us=3).nonzero()[0].tolist() == [0, 3, 4, 7]
    assert not_overlapping(moments, length_us=1).all()
    assert not_overlapping(moments[:0], length_us=3).size == 0


def test_regimes_are_thirds_of_the_training_rows() -> None:
    bounds = regime_bounds(np.arange(1.0, 10.0))
    assert bounds == pytest.approx((11 / 3, 19 / 3))
    assert regime_of(np.array([1, 11 / 3, 4, 19 / 3, 7, 99]), bounds).tolist() == [0, 0, 1, 1, 2, 2]
    assert regime_bounds(np.zeros(0)) == (0, 0)


def test_a_forecast_nearer_to_its_outcome_than_to_any_past_return_is_no_copy() -> None:
    realised, past = history(1)
    past[:, 0] = realised + 0.1 * past[:, 0]  # a market whose returns repeat almost
    found = lag_test(realised, realised, past=past, horizon=1)
    assert found.strongest is not None
    assert found.strongest > 0.9
    assert not found.is_copy
