"""Structure features of shapes drawn by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import talib

from crypto_assets.features.compute import compute_features
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets_tests.features.synthetic import DAY, MINUTE, inputs_of, klines, midnight_us


def _gold(close: np.ndarray, **columns: np.ndarray) -> pa.Table:
    open_us = midnight_us() + MINUTE * np.arange(close.size)
    return compute_features(inputs_of(klines("1m", {"open_us": open_us, "close": close, **columns})), day=DAY)


def _floats(table: pa.Table, name: str) -> np.ndarray:
    return np.array([float(value) for value in table[name].to_pylist()])


def test_support_and_resistance_are_the_last_confirmed_swings() -> None:
    close, high, low = np.full(400, 100.0), np.full(400, 101.0), np.full(400, 99.0)
    high[300], low[320] = 104.0, 95.0
    rows = _gold(close, high=high, low=low)
    resistance, support = (rows[f"{name}_distance_bps_1m"].to_pylist() for name in ("resistance", "support"))
    assert resistance[299] == pytest.approx(100.0)
    assert resistance[305] == pytest.approx(400.0)
    assert support[319] == pytest.approx(100.0)
    assert support[325] == pytest.approx(500.0)


def test_a_broken_support_lies_above_the_price() -> None:
    close, low = np.full(400, 100.0), np.full(400, 99.0)
    low[300] = 96.0
    close[310:], low[310:] = 90.0, np.linspace(89, 88, 90)
    row = _gold(close, low=low, high=np.full(400, 101.0))["support_distance_bps_1m"][312].as_py()
    assert row == pytest.approx((90 - 96) / 90 * 1e4)


def test_touches_count_lows_at_support_and_highs_at_resistance() -> None:
    close, high, low = np.full(400, 100.0), np.full(400, 101.0), np.full(400, 99.0)
    high[280], low[290] = 110.0, 90.0  # the swings; true range is 2 elsewhere, so ATR is near 2 again at 399
    high[[345, 360]], low[350] = 109.9, 90.1  # three touches, lower than the swings' own: no new swing is confirmed
    close[345:] = 100.0
    rows = _gold(close, high=high, low=low)
    at = 361
    atr = talib.ATR(high, low, close, 14)[at]
    support, resistance = 90.1, 109.9  # 345 and 350 are themselves confirmed by then
    inside = slice(at - 59, at + 1)
    expected = np.sum((np.abs(low[inside] - support) <= 0.25 * atr) | (np.abs(high[inside] - resistance) <= 0.25 * atr))
    assert expected == 3
    assert rows["zone_touches_1m"][at].as_py() == 3


@pytest.mark.parametrize("timeframe", ["1m", "15m"])
def test_engulfing_has_the_sign_of_talib_where_both_candles_have_a_body(
    day_inputs: FeatureInputs, gold: pa.Table, timeframe: str
) -> None:
    table = day_inputs.klines[timeframe]
    open_, high, low, close = (_floats(table, name) for name in ("open", "high", "low", "close"))
    has_body = open_ != close
    pattern = np.sign(talib.CDLENGULFING(open_, high, low, close)) * has_body * np.append(False, has_body[:-1])
    minutes = int(timeframe.removesuffix("m"))
    closed = (4 * 1440 + np.arange(1, 1441)) // minutes - 1
    assert gold[f"engulfing_{timeframe}"].to_pylist() == pattern[closed].astype(float).tolist()
    assert {-1.0, 0.0, 1.0} == set(pattern)


def test_a_doji_has_a_body_of_a_tenth_of_its_range() -> None:
    close = np.array([60_000.3, 60_000.31, 60_000.1, 60_000.2])
    rows = _gold(
        close,
        open=np.full(4, 60_000.2),
        high=np.array([60_000.5, 60_000.5, 60_000.5, 60_000.2]),
        low=np.array([59_999.5, 59_999.5, 59_999.5, 60_000.2]),
    )
    assert rows["doji_1m"].to_pylist() == [1.0, 0.0, 1.0, 0.0]


def test_range_position_is_that_among_the_last_1440_candles() -> None:
    open_us = midnight_us(days=-1) + MINUTE * np.arange(2880)
    close = np.full(2880, 100.0)
    close[10], close[20] = 50.0, 150.0
    rows = compute_features(inputs_of(klines("1m", {"open_us": open_us, "close": close})), day=DAY)
    position = rows["range_position_1d"].to_pylist()
    assert position[9] == 0.5  # low 50 of candle 10 and high 150 of candle 20 are both within 1,440 candles
    assert position[10] == 0.0  # candle 10 has left: 100 is the low
    assert position[20] == 0.5  # candle 20 has left: no range at all
