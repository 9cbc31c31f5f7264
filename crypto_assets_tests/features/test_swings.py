from __future__ import annotations

import numpy as np

from crypto_assets.features.swings import PIVOT_CANDLES, SWING_CANDLES, find_swings


def test_a_swing_is_known_five_candles_after_it_and_not_before() -> None:
    high = np.full(300, 100.0)
    high[20] = 107.0
    high[250] = 105.0
    found = find_swings(high=high, low=high - 1)
    assert found.resistance[[249, 254, 255]].tolist() == [107.0, 107.0, 105.0]


def test_a_high_that_is_exceeded_within_five_candles_is_no_swing() -> None:
    high = np.full(300, 100.0)
    high[[100, 260, 262]] = [120.0, 103.0, 104.0]
    found = find_swings(high=high, low=high - 1).resistance
    assert found[[265, 266, 267]].tolist() == [120.0, 120.0, 104.0]


def test_the_first_candle_of_a_plateau_is_the_swing() -> None:
    low = np.full(300, 100.0)
    low[270:278] = 90.0
    low[100] = 95.0
    found = find_swings(high=low + 1, low=low)
    assert found.support[[274, 275, 277]].tolist() == [95.0, 90.0, 90.0]


def test_without_a_swing_in_reach_the_extreme_of_the_window_stands_in() -> None:
    falling = np.linspace(200, 100, 500)
    found = find_swings(high=falling, low=falling - 1)
    assert found.resistance[-1] == falling[-SWING_CANDLES]
    assert found.support[-1] == falling[-1] - 1


def test_a_swing_is_forgotten_after_the_window() -> None:
    high = np.full(600, 100.0)
    high[20] = 120.0
    found = find_swings(high=high, low=high - 1).resistance
    assert found[20 + SWING_CANDLES - 1] == 120.0
    assert found[20 + SWING_CANDLES] == 100.0


def test_nothing_is_known_before_the_first_swing_of_a_short_history() -> None:
    rising = np.linspace(1, 2, 50)
    assert np.isnan(find_swings(high=rising, low=rising).resistance).all()
    assert find_swings(high=np.ones(0), low=np.ones(0)).support.size == 0
    assert PIVOT_CANDLES < SWING_CANDLES
