"""Family momentum: rates of change, and how far trends agree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from crypto_assets.features.candles import Candles
from crypto_assets.features.feature import Family, Feature, per_timeframe
from crypto_assets.features.indicators import BAND_LENGTH
from crypto_assets.features.rolling import FloatArray, rolling_sum, shift
from crypto_assets.features.window import Window
from crypto_assets.schemas import TIMEFRAMES

EXTREMES = 20


def _rate_of_change(length: int) -> Callable[[Candles], FloatArray]:
    def value(candles: Candles) -> FloatArray:
        return (candles.close / shift(candles.close, length) - 1) * 100

    return value


def _trend_alignment(window: Window) -> FloatArray:
    total = np.zeros(window.open_us.size)
    for timeframe, candles in window.candles.items():
        total += window.of_candles(timeframe, np.sign(candles.close - candles.bands.middle))
    return total


def _count_rises(values: FloatArray) -> FloatArray:
    """How many of the last 20 entries are above the one before them."""
    before = shift(values, 1)
    return rolling_sum(np.where(np.isnan(before), np.nan, values > before), EXTREMES)


_momentum = partial(per_timeframe, family=Family.MOMENTUM)
_extremes = partial(_momentum, timeframes=("1m",), window=EXTREMES + 1, unit="count", low=0, high=EXTREMES)

FEATURES = (
    *(
        feature
        for length in (1, 3, 5, 10)
        for feature in _momentum(
            f"roc_{length}",
            inputs=("close",),
            window=length + 1,
            unit="percent",
            low=-100,
            description=f"change of the close over {length} candle{'s' if length > 1 else ''}",
            formula=f"100 (close / close {length} before - 1), as TA-Lib ROC({length})",
            value=_rate_of_change(length),
        )
    ),
    Feature(
        name="trend_alignment",
        family=Family.MOMENTUM,
        inputs=tuple(f"klines_{timeframe}.close" for timeframe in TIMEFRAMES),
        window=BAND_LENGTH,
        unit="count",
        low=-3,
        high=3,
        description="timeframes that trade above their mean of 20 closes less those below",
        formula="sum over 1m, 5m, 15m of sign(close - bb_middle_20)",
        value=_trend_alignment,
    ),
    *_extremes(
        "higher_highs_20",
        inputs=("high",),
        description="candles of the last 20 whose high is above that of the candle before",
        formula="sum over 20 candles of [high > high before]",
        value=lambda candles: _count_rises(candles.high),
    ),
    *_extremes(
        "lower_lows_20",
        inputs=("low",),
        description="candles of the last 20 whose low is below that of the candle before",
        formula="sum over 20 candles of [low < low before]",
        value=lambda candles: _count_rises(-candles.low),
    ),
)
