"""Momentum features of moves that can be read off."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from crypto_assets.features.compute import compute_features
from crypto_assets_tests.features.synthetic import DAY, MINUTE, inputs_of, klines, midnight_us


def _gold(close: np.ndarray, **columns: np.ndarray) -> pa.Table:
    open_us = midnight_us() + MINUTE * np.arange(close.size)
    return compute_features(inputs_of(klines("1m", {"open_us": open_us, "close": close, **columns})), day=DAY)


def test_rate_of_change_is_in_percent_of_the_candle_so_many_before() -> None:
    rows = _gold(np.array([100.0, 110.0, 99.0, 99.0, 120.0, 132.0]))
    assert rows["roc_1_1m"].to_pylist()[:3] == [None, pytest.approx(10.0), pytest.approx(-10.0)]
    assert rows["roc_3_1m"][4].as_py() == pytest.approx(100 * (120 / 110 - 1))
    assert rows["roc_5_1m"][5].as_py() == pytest.approx(32.0)
    assert rows["roc_10_1m"].null_count == 6


def test_higher_highs_and_lower_lows_are_counted_over_twenty_candles() -> None:
    i = np.arange(60)
    high = 200 + np.where(i % 4 == 0, 5.0, 0.0)  # rises into each fourth candle: 5 of 20
    low = 100 - i.astype(float) * np.where(i < 30, 1, 0)  # falls until 29
    rows = _gold(np.full(60, 150.0), high=high, low=low)
    assert rows["higher_highs_20_1m"].to_pylist()[20:] == [5.0] * 40
    assert rows["higher_highs_20_1m"].to_pylist()[19] is None
    assert [rows["lower_lows_20_1m"][at].as_py() for at in (29, 30, 49)] == [20.0, 19.0, 0.0]


def test_trends_that_agree_add_up_to_three() -> None:
    minutes = np.arange(20 * 15 + 15)
    assert _gold(1_000.0 + minutes)["trend_alignment"][-1].as_py() == 3
    assert _gold(1_000.0 - minutes)["trend_alignment"][-1].as_py() == -3
    dip = 1_000.0 + np.minimum(minutes, 299)
    dip[300:] -= np.arange(1, 16) * 0.7
    # within 20 minutes below the mean of minutes, above the means of 5m and 15m candles
    assert _gold(dip)["trend_alignment"][-1].as_py() == 1


def test_trend_is_unknown_until_twenty_candles_of_15m_have_closed() -> None:
    rows = _gold(1_000.0 + np.arange(310))["trend_alignment"].to_pylist()
    assert rows[298] is None
    assert rows[299] == 3
