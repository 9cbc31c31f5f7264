from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.forecast.predictions import (
    LSTM_PREDICTIONS,
    Score,
    horizon_name,
    outcomes,
    predictions_of,
    realised,
    scores,
)
from crypto_assets.spans import to_us
from crypto_assets_tests.forecast.small_networks import small_card

MINUTE_US = 60_000_000
START_US = to_us(datetime(2024, 8, 3, tzinfo=UTC))
AS_OF_US = START_US + MINUTE_US * np.array([1, 2, 3])
PRICE = np.array([100.0, 110.0, 120.0])
FORECASTS = np.array([[0.01, 0.02], [-0.01, 0.0], [0.0, 0.03]])
EARLY, LATE = datetime(2024, 8, 3, tzinfo=UTC), datetime(2024, 8, 3, 0, 2, tzinfo=UTC)


def rows(*, promoted_at: datetime = EARLY) -> pa.Table:
    """Three moments, horizons of one and of five minutes."""
    return predictions_of(small_card(), as_of_us=AS_OF_US, price=PRICE, forecasts=FORECASTS, promoted_at=promoted_at)


def came(*close: float) -> pa.Table:
    """The rows, with closes of the minutes that follow the first moment."""
    return realised(rows(), as_of_us=AS_OF_US[0] + MINUTE_US * np.arange(1, len(close) + 1), close=np.array(close))


def test_a_row_is_a_moment_and_a_horizon() -> None:
    made = rows()
    assert made.schema.equals(LSTM_PREDICTIONS.schema)
    assert made["horizon_s"].to_pylist() == [60, 300] * 3
    first, second = made.slice(0, 2).to_pylist()
    assert first["as_of"] == second["as_of"] == datetime(2024, 8, 3, 0, 1, tzinfo=UTC)
    assert first["target_time"] == datetime(2024, 8, 3, 0, 2, tzinfo=UTC)
    assert second["target_time"] == datetime(2024, 8, 3, 0, 6, tzinfo=UTC)
    assert (first["price"], first["predicted_return"], second["predicted_return"]) == (100.0, 0.01, 0.02)
    assert first["model_id"] == "BTCUSDT-2024-08-02-0123456789ab"
    assert first["realised_return"] is None
    assert first["realised_price"] is None


def test_the_interval_is_that_of_the_card_around_the_foretold_price() -> None:
    first, second = rows().slice(0, 2).to_pylist()
    assert first["predicted_price"] == pytest.approx(101.005016708)  # 100 e^0.01
    assert first["low"] == pytest.approx(100 * math.exp(0.01 - 6e-4))
    assert first["high"] == pytest.approx(100 * math.exp(0.01 + 6e-4))
    assert second["high"] == pytest.approx(100 * math.exp(0.02 + 1.4e-3))
    assert first["interval_share"] == 0.8


def test_a_forecast_is_known_when_its_candle_has_closed() -> None:
    made = rows(promoted_at=EARLY)
    assert made["known_at"].to_pylist() == made["as_of"].to_pylist()
    assert made["is_backcast"].to_pylist() == [False] * 6


def test_a_forecast_of_a_model_promoted_later_is_a_backcast_known_at_the_promotion() -> None:
    made = rows(promoted_at=LATE)
    assert made["is_backcast"].to_pylist() == [True, True, False, False, False, False]
    assert made["known_at"].to_pylist()[:3] == [LATE, LATE, LATE]
    assert made["known_at"].to_pylist()[4] == made["as_of"].to_pylist()[4]


def test_horizons_of_seconds_are_seconds() -> None:
    card = small_card()
    data = type(card.data)(source="klines_1s", window=8, horizons=(1, 10))
    made = predictions_of(small_card(data=data), as_of_us=AS_OF_US, price=PRICE, forecasts=FORECASTS, promoted_at=EARLY)
    assert made["horizon_s"].to_pylist() == [1, 10] * 3


def test_what_came_is_told_where_the_target_is_there_and_nothing_else_changes() -> None:
    made = came(105.0, 121.0)  # at 00:02 and 00:03

    assert made["realised_price"].to_pylist() == [105.0, None, 121.0, None, None, None]
    assert made["realised_return"].to_pylist()[0] == pytest.approx(math.log(1.05))
    assert made["realised_return"].to_pylist()[2] == pytest.approx(math.log(1.1))
    others = [name for name in made.column_names if not name.startswith("realised")]
    assert made.select(others).equals(rows().select(others))


def test_what_came_stays_where_nothing_is_said_of_it() -> None:
    before = came(105.0)
    after = realised(before, as_of_us=np.empty(0, np.int64), close=np.empty(0))
    assert after.equals(before)


@given(st.sets(st.integers(1, 9)))
def test_what_came_is_the_same_in_one_step_and_in_several(known: set[int]) -> None:
    minutes = np.array(sorted(known), np.int64)
    close = np.asarray(100.0 + minutes, np.float64)
    at_once = realised(rows(), as_of_us=START_US + MINUTE_US * minutes, close=close)
    one_by_one = rows()
    for minute, price in zip(minutes.tolist(), close.tolist(), strict=True):
        one_by_one = realised(one_by_one, as_of_us=np.array([START_US + MINUTE_US * minute]), close=np.array([price]))
    assert one_by_one.equals(at_once)
    assert at_once["realised_price"].null_count == sum(
        target not in known for moment in (1, 2, 3) for target in (moment + 1, moment + 5)
    )


def test_a_score_is_of_what_came_due() -> None:
    # returns ln 1.01 and ln 1.1 where 0.01 and -0.01 were foretold
    first, second = scores(came(101.0, 121.0))
    one, two = math.log(1.01), math.log(1.1)
    skill = 1 - ((one - 0.01) ** 2 + (two + 0.01) ** 2) / (one**2 + two**2)
    assert (first.horizon_s, first.rows, first.realised) == (60, 3, 2)
    assert first.skill == pytest.approx(skill)
    assert first.coverage == 0.5  # 101 lies within 100 e^(0.01 ± 0.0006), 121 far from 110 e^-0.01
    assert second == Score(300, 3, 0, None, None)


@pytest.mark.parametrize(("close", "coverage"), [(90.0, 0.0), (100.9, 0.0), (101.0, 1.0), (101.1, 0.0)])
def test_a_price_on_either_side_of_the_interval_is_not_covered(close: float, coverage: float) -> None:
    assert scores(came(close))[0].coverage == coverage  # the interval goes from 100.94 to 101.07


def test_a_market_that_did_not_move_has_no_skill() -> None:
    assert scores(came(100.0, 110.0))[0].skill is None


def test_outcomes_are_told_by_horizon_in_time_order() -> None:
    shortest, longer = outcomes(came(101.0, 121.0, 119.0))
    assert (shortest.horizon_s, longer.horizon_s) == (60, 300)
    assert shortest.as_of_us.tolist() == AS_OF_US.tolist()
    assert shortest.half_width == pytest.approx(np.full(3, 6e-4))
    assert longer.came.size == 0


def test_no_predictions_have_no_score() -> None:
    assert scores(LSTM_PREDICTIONS.schema.empty_table()) == []


@pytest.mark.parametrize(("seconds", "name"), [(60, "1m"), (900, "15m"), (1, "1s"), (90, "90s")])
def test_a_horizon_is_named_for_people(seconds: int, name: str) -> None:
    assert horizon_name(seconds) == name
