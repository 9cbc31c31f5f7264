"""pandas-ta's indicators on plain arrays, computed by TA-Lib, with a stated value where a market stands still.

`talib=True` is passed explicitly: without it the numbers would follow from what happens to be installed. pandas-ta
returns None for an input shorter than the indicator's length; here that is an array of NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from crypto_assets.features.rolling import FloatArray, ratio, rolling_max, rolling_min

RSI_LENGTH = 14
ATR_LENGTH = 14
BAND_LENGTH = 20
BAND_DEVIATIONS = 2.0

RECURSION_CANDLES = 322
"""Candles after which RSI, MACD and ATR have forgotten where they began, to 1e-9 of their value: Wilder's 1/14 takes
about (13/14)^n = 1e-9, n = 280, and MACD's 26 and 9 some 305."""

PERCENT_RANGE = (0.5 - np.sqrt(BAND_LENGTH - 1) / 4, 0.5 + np.sqrt(BAND_LENGTH - 1) / 4)
"""Values of %B that exist: none of n numbers is further than sqrt(n - 1) population deviations from their mean."""

STILL = 1e-13
"""Smoothed move below which TA-Lib's RSI finds nothing to divide by (its epsilon is 1e-14)."""


@dataclass(frozen=True, slots=True)
class Macd:
    """MACD line, signal line and their difference."""

    line: FloatArray
    signal: FloatArray
    histogram: FloatArray


@dataclass(frozen=True, slots=True)
class Bands:
    """Bollinger bands, their width in percent of the middle, and the place of the close between them."""

    lower: FloatArray
    middle: FloatArray
    upper: FloatArray
    width: FloatArray
    percent: FloatArray


def rsi(close: FloatArray) -> FloatArray:
    """Wilder's RSI of 14, in [0, 100]; 50 where the price has not moved at all, for which TA-Lib says 0."""
    (values,) = _columns(1, close.size, lambda ta, series: ta.rsi(series(close), length=RSI_LENGTH, talib=True))
    if np.any(values == 0):
        move = atr(close, close, close)  # with one price a candle the true range is |close - close before|
        values[(values == 0) & ~(move > STILL)] = 50.0
    return values


def macd(close: FloatArray) -> Macd:
    """MACD of 12, 26 and 9."""
    line, histogram, signal = _columns(
        3, close.size, lambda ta, series: ta.macd(series(close), fast=12, slow=26, signal=9, talib=True)
    )
    return Macd(line, signal, histogram)


def atr(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Wilder's average true range of 14, in the unit of the price."""
    (values,) = _columns(
        1,
        close.size,
        lambda ta, series: ta.atr(series(high), series(low), series(close), length=ATR_LENGTH, talib=True),
    )
    return values


def bands(close: FloatArray) -> Bands:
    """Bollinger bands: mean of 20 closes -/+ 2 population deviations.

    width = 100 (upper - lower) / middle, percent = (close - lower) / (upper - lower), limited to PERCENT_RANGE.
    Where 20 closes are equal the three bands are the close, width is 0 and percent 0.5: TA-Lib's running sums leave
    rounding there. pandas-ta's own width and percent are not used: it adds an epsilon to every row as soon as one row,
    be it a later one, has no width.
    """
    lower, middle, upper, _, _ = _columns(
        5,
        close.size,
        lambda ta, series: ta.bbands(
            series(close),
            length=BAND_LENGTH,
            lower_std=BAND_DEVIATIONS,
            upper_std=BAND_DEVIATIONS,
            ddof=0,
            talib=True,
        ),
    )
    flat = rolling_max(close, BAND_LENGTH) == rolling_min(close, BAND_LENGTH)
    for band in (lower, middle, upper):
        band[flat] = close[flat]
    return Bands(
        lower,
        middle,
        upper,
        width=ratio(100 * (upper - lower), middle, otherwise=0.0),
        percent=np.clip(ratio(close - lower, upper - lower, otherwise=0.5), *PERCENT_RANGE),
    )


def _columns(count: int, rows: int, call: Callable[[Any, Any], Any]) -> tuple[FloatArray, ...]:
    """The columns that a call of pandas-ta gives, as writable arrays; NaN throughout where it gives None."""
    import pandas as pd
    import pandas_ta as ta

    result = call(ta, pd.Series) if rows else None
    if result is None:
        return tuple(np.full(rows, np.nan) for _ in range(count))
    values = np.asarray(result, dtype=np.float64).reshape(rows, count)
    return tuple(np.array(values[:, column]) for column in range(count))
