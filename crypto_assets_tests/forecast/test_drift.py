from __future__ import annotations

import numpy as np
import pytest

from crypto_assets.forecast.drift import LEAST_REALISED, MOST_ROWS_OUTSIDE, input_drift, week_skill
from crypto_assets.forecast.predictions import Outcome

FEATURES = ("calm", "wild", "steady")
MINUTE_US = 60_000_000


def bounds(values: np.ndarray) -> tuple[list[float], list[float]]:
    """As a model card has them."""
    low, high = np.quantile(values, [0.001, 0.999], axis=0)
    return low.tolist(), high.tolist()


def noise(rows: int, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (rows, len(FEATURES)))


def outcome(came: np.ndarray, foretold: np.ndarray) -> Outcome:
    size = came.size
    return Outcome(
        60, MINUTE_US * np.arange(1, size + 1), foretold, came, np.full(size, 1e-3), np.ones(size, dtype=bool)
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_day_like_those_before_is_no_drift(seed: int) -> None:
    low, high = bounds(noise(20_000, seed=100 + seed))
    found = input_drift(noise(1_440, seed=seed), features=FEATURES, low=low, high=high)
    assert not found.is_drift
    assert found.share < 0.03  # three features with 0.2 % of rows outside each


def test_a_feature_in_another_unit_is_a_drift_and_is_named() -> None:
    low, high = bounds(noise(20_000, seed=1))
    day = noise(1_440, seed=2)
    day[:, 1] *= 100  # percent instead of a fraction

    found = input_drift(day, features=FEATURES, low=low, high=high)

    assert found.is_drift
    assert found.share > 0.9
    assert found.columns[0][0] == "wild"
    assert found.worst.startswith("wild in 9")


def test_a_column_that_stands_still_may_not_move() -> None:
    found = input_drift(np.array([[5.0], [5.1], [4.9]]), features=("steady",), low=[5.0], high=[5.0])
    assert (found.rows, found.outside) == (3, 2)


def test_the_limit_itself_is_no_drift() -> None:
    day = np.zeros((100, 1))
    day[: round(100 * MOST_ROWS_OUTSIDE)] = 9
    assert not input_drift(day, features=("one",), low=[-1], high=[1]).is_drift
    day[round(100 * MOST_ROWS_OUTSIDE)] = 9
    assert input_drift(day, features=("one",), low=[-1], high=[1]).is_drift


def test_a_day_without_rows_is_no_drift() -> None:
    found = input_drift(np.empty((0, 3)), features=FEATURES, low=[0] * 3, high=[1] * 3)
    assert not found.is_drift
    assert (found.rows, found.columns) == (0, ())


def test_a_feature_without_a_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="3 features, 3 columns, 2 and 3 bounds"):
        input_drift(noise(5, seed=0), features=FEATURES, low=[0] * 2, high=[1] * 3)


def test_forecasts_that_are_noise_are_worse_than_the_last_price() -> None:
    rng = np.random.default_rng(5)
    came = rng.normal(0, 1e-4, 5_000)
    found = week_skill(outcome(came, rng.normal(0, 5e-5, 5_000)), step_s=60)
    assert found.is_below_naive
    assert found.skill == pytest.approx(-0.25, abs=0.03)
    assert found.skill is not None
    assert found.interval is not None
    assert found.interval.low < found.skill < found.interval.high < 0


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_forecasts_that_say_little_or_know_something_are_not(share: float) -> None:
    came = np.random.default_rng(6).normal(0, 1e-4, 5_000)
    noise = np.random.default_rng(7).normal(0, 1e-6, 5_000)
    assert not week_skill(outcome(came, share * came + noise), step_s=60).is_below_naive


def test_of_few_forecasts_nothing_is_said() -> None:
    came = np.random.default_rng(8).normal(0, 1e-4, LEAST_REALISED - 1)
    found = week_skill(outcome(came, -came), step_s=60)
    assert found.skill == pytest.approx(-3.0)
    assert found.interval is None
    assert not found.is_below_naive


def test_the_same_forecasts_have_the_same_interval() -> None:
    came = np.random.default_rng(9).normal(0, 1e-4, 2_000)
    assert week_skill(outcome(came, came / 2), step_s=60) == week_skill(outcome(came, came / 2), step_s=60)
