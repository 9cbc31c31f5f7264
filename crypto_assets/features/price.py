"""Family price: RSI, MACD, Bollinger bands and ATR of the last closed candle of each timeframe."""

from __future__ import annotations

from functools import partial

from crypto_assets.features.feature import Family, per_timeframe
from crypto_assets.features.indicators import BAND_LENGTH, PERCENT_RANGE, RECURSION_CANDLES

_price = partial(per_timeframe, family=Family.PRICE, inputs=("close",), unit="quote asset")
_smoothed = partial(_price, window=RECURSION_CANDLES)
_band = partial(_price, window=BAND_LENGTH)

FEATURES = (
    *_smoothed(
        "rsi_14",
        unit="index",
        low=0,
        high=100,
        description="relative strength of the rises among the moves; 50 where the price never moved",
        formula="TA-Lib RSI(14), Wilder smoothing",
        value=lambda candles: candles.rsi,
    ),
    *_smoothed(
        "macd",
        description="fast less slow exponential mean of the close",
        formula="TA-Lib MACD(12, 26, 9), line",
        value=lambda candles: candles.macd.line,
    ),
    *_smoothed(
        "macd_signal",
        description="exponential mean of the MACD line",
        formula="TA-Lib MACD(12, 26, 9), signal",
        value=lambda candles: candles.macd.signal,
    ),
    *_smoothed(
        "macd_hist",
        description="MACD line less its signal",
        formula="TA-Lib MACD(12, 26, 9), histogram",
        value=lambda candles: candles.macd.histogram,
    ),
    *_band(
        "bb_lower_20",
        description="lower Bollinger band; the close itself where 20 closes are equal",
        formula="TA-Lib BBANDS(20, 2, 2): middle - 2 population deviations",
        value=lambda candles: candles.bands.lower,
    ),
    *_band(
        "bb_middle_20",
        low=0,
        description="middle Bollinger band, the mean of 20 closes",
        formula="TA-Lib BBANDS(20, 2, 2): mean",
        value=lambda candles: candles.bands.middle,
    ),
    *_band(
        "bb_upper_20",
        low=0,
        description="upper Bollinger band; the close itself where 20 closes are equal",
        formula="TA-Lib BBANDS(20, 2, 2): middle + 2 population deviations",
        value=lambda candles: candles.bands.upper,
    ),
    *_band(
        "bb_width_20",
        unit="percent",
        low=0,
        description="distance between the bands in percent of the middle; 0 where 20 closes are equal",
        formula="100 (upper - lower) / middle",
        value=lambda candles: candles.bands.width,
    ),
    *_band(
        "bb_percent_20",
        unit="fraction",
        low=PERCENT_RANGE[0],
        high=PERCENT_RANGE[1],
        description="place of the close between the bands, 0 lower, 1 upper; 0.5 where the bands meet",
        formula="(close - lower) / (upper - lower), within 0.5 -/+ sqrt(19) / 4",
        value=lambda candles: candles.bands.percent,
    ),
    *_smoothed(
        "atr_14",
        inputs=("high", "low", "close"),
        low=0,
        description="average true range",
        formula="TA-Lib ATR(14), Wilder smoothing",
        value=lambda candles: candles.atr,
    ),
)
