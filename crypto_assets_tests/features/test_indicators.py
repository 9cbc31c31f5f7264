"""Indicators against TA-Lib called directly, and against their textbook formulas written as loops."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from crypto_assets.features import indicators
from crypto_assets.features.indicators import PERCENT_RANGE, RECURSION_CANDLES


@pytest.fixture(scope="module")
def prices() -> np.ndarray:
    """[high, low, close] of a random walk in cents."""
    rng = np.random.default_rng(3)
    close = np.round(60_000 * np.exp(np.cumsum(rng.standard_t(4, 3_000) * 5e-4)), 2)
    return np.stack(
        [close + np.round(rng.exponential(9, 3_000), 2), close - np.round(rng.exponential(9, 3_000), 2), close]
    )


def test_values_are_those_of_talib(prices: np.ndarray) -> None:
    high, low, close = prices
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    macd, bands = indicators.macd(close), indicators.bands(close)
    pairs = [
        (indicators.rsi(close), talib.RSI(close, 14)),
        (indicators.atr(high, low, close), talib.ATR(high, low, close, 14)),
        (macd.line, line),
        (macd.signal, signal),
        (macd.histogram, histogram),
        (bands.lower, lower),
        (bands.middle, middle),
        (bands.upper, upper),
        (bands.width, 100 * (upper - lower) / middle),
        (bands.percent, (close - lower) / (upper - lower)),
    ]
    for actual, expected in pairs:
        np.testing.assert_allclose(actual, expected, rtol=1e-9)


def _wilder(values: np.ndarray, length: int) -> np.ndarray:
    """Mean of the first `length` values, then (13 before + value) / 14."""
    smoothed = np.full(values.size, np.nan)
    smoothed[length - 1] = values[:length].mean()
    for i in range(length, values.size):
        smoothed[i] = (smoothed[i - 1] * (length - 1) + values[i]) / length
    return smoothed


def test_rsi_and_atr_are_those_of_the_textbook(prices: np.ndarray) -> None:
    high, low, close = prices
    change = np.diff(close)
    rise, fall = _wilder(np.maximum(change, 0), 14), _wilder(np.maximum(-change, 0), 14)
    np.testing.assert_allclose(indicators.rsi(close)[14:], (100 * rise / (rise + fall))[13:], rtol=1e-9)
    true_range = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    np.testing.assert_allclose(indicators.atr(high, low, close)[14:], _wilder(true_range, 14)[13:], rtol=1e-9)


def test_bands_are_the_mean_and_two_population_deviations(prices: np.ndarray) -> None:
    close = prices[2]
    windows = np.lib.stride_tricks.sliding_window_view(close, 20)
    mean, deviation = windows.mean(axis=1), windows.std(axis=1)
    bands = indicators.bands(close)
    np.testing.assert_allclose(bands.lower[19:], mean - 2 * deviation, rtol=1e-9)
    np.testing.assert_allclose(bands.upper[19:], mean + 2 * deviation, rtol=1e-9)


def test_the_start_of_a_recursion_is_forgotten_after_the_declared_candles(prices: np.ndarray) -> None:
    def values(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
        macd = indicators.macd(close)
        return np.stack(
            [indicators.rsi(close), indicators.atr(high, low, close), macd.line, macd.signal, macd.histogram]
        )

    whole, later = values(*prices)[:, 1_000:], values(*prices[:, 1_000:])
    scale = np.abs(whole).max(axis=1, keepdims=True)
    assert np.max(np.abs(whole - later)[:, RECURSION_CANDLES - 1 :] / scale) < 1e-9


@pytest.mark.parametrize("rows", [0, 1, 5, 14, 15, 19, 20, 34])
def test_short_inputs_give_unknown_values_instead_of_errors(rows: int) -> None:
    close = np.linspace(100, 110, rows)
    found = [
        indicators.rsi(close),
        indicators.atr(close, close, close),
        indicators.macd(close).line,
        indicators.bands(close).percent,
    ]
    assert [values.size for values in found] == [rows] * 4


def test_a_price_that_never_moved_is_balanced() -> None:
    close = np.full(500, 61_234.56)
    assert set(indicators.rsi(close)[14:]) == {50.0}
    assert np.abs(indicators.macd(close).line[33:]).max() < 1e-9
    bands = indicators.bands(close)
    assert set(bands.width[19:]) == {0.0}
    assert set(bands.percent[19:]) == {0.5}
    assert set(bands.lower[19:]) == set(bands.middle[19:]) == set(bands.upper[19:]) == {61_234.56}


def test_a_price_that_only_falls_is_not_balanced() -> None:
    assert indicators.rsi(np.linspace(110, 100, 60))[-1] == 0.0


def test_quiet_windows_after_large_moves_keep_the_band_position_possible(prices: np.ndarray) -> None:
    quiet = np.where(np.arange(200) % 40 == 0, 0.01, 0.0) + prices[2][-1]
    bands = indicators.bands(np.concatenate([prices[2], quiet]))
    assert np.all((bands.percent[19:] >= PERCENT_RANGE[0]) & (bands.percent[19:] <= PERCENT_RANGE[1]))
    assert np.isfinite(bands.width[19:]).all()
    assert bands.percent[-1] == 0.5


def test_a_later_flat_window_changes_no_earlier_row(prices: np.ndarray) -> None:
    close = prices[2][:500]
    flat = np.concatenate([close, np.full(60, close[-1])])
    np.testing.assert_array_equal(indicators.bands(flat).percent[:500], indicators.bands(close).percent)
