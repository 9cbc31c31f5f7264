"""Family structure: support and resistance, candle patterns, place in the range of a day."""

from __future__ import annotations

from functools import partial

import numpy as np

from crypto_assets.features.candles import Candles
from crypto_assets.features.feature import Family, Feature, per_timeframe
from crypto_assets.features.indicators import RECURSION_CANDLES
from crypto_assets.features.rolling import FloatArray, ratio, rolling_max, rolling_min, shift
from crypto_assets.features.swings import PIVOT_CANDLES, SWING_CANDLES

TOUCH_CANDLES = 60
TOUCH_ATR = 0.25
DOJI_BODY = 0.1
ROUNDING = 1e-12
"""Part of a price that a difference of two floats may be off, so that a body of exactly a tenth counts."""
DAY_CANDLES = 1440
SWING = "the last confirmed swing {0} (5 candles either side, within 240 candles; their {1} where there is none)"


def _engulfing(candles: Candles) -> FloatArray:
    open_before, close_before = shift(candles.open, 1), shift(candles.close, 1)
    signs: list[FloatArray] = []
    for side in (1, -1):
        open_, close = side * candles.open, side * candles.close
        last_open, last_close = side * open_before, side * close_before
        turns = (close > open_) & (last_close < last_open)
        covers = (close >= last_open) & (open_ <= last_close) & ((close > last_open) | (open_ < last_close))
        signs.append(np.where(turns & covers, float(side), 0.0))
    return np.where(np.isnan(close_before), np.nan, signs[0] + signs[1])


def _doji(candles: Candles) -> FloatArray:
    body, extent = np.abs(candles.close - candles.open), candles.high - candles.low
    is_doji = (body <= DOJI_BODY * extent + ROUNDING * candles.close) & (extent > 0)
    return is_doji.astype(np.float64)


def _zone_touches(candles: Candles) -> FloatArray:
    touches = np.full(candles.close.size, np.nan)
    length = candles.close.size - TOUCH_CANDLES + 1
    if length <= 0:
        return touches
    reach = TOUCH_ATR * candles.atr[TOUCH_CANDLES - 1 :]
    support, resistance = (level[TOUCH_CANDLES - 1 :] for level in (candles.swings.support, candles.swings.resistance))
    bottom, top = (support - reach, support + reach), (resistance - reach, resistance + reach)
    counted = np.zeros(length, dtype=np.uint8)
    for offset in range(TOUCH_CANDLES):
        low, high = (column[offset : offset + length] for column in (candles.low, candles.high))
        touched = ((low >= bottom[0]) & (low <= bottom[1])) | ((high >= top[0]) & (high <= top[1]))
        counted += touched.view(np.uint8)
    touches[TOUCH_CANDLES - 1 :] = np.where(np.isnan(reach + support + resistance), np.nan, counted)
    return touches


def _range_position(candles: Candles) -> FloatArray:
    highest, lowest = rolling_max(candles.high, DAY_CANDLES), rolling_min(candles.low, DAY_CANDLES)
    return ratio(candles.close - lowest, highest - lowest, otherwise=0.5)


_structure = partial(per_timeframe, family=Family.STRUCTURE, timeframes=("1m", "15m"))
_swing = partial(_structure, window=SWING_CANDLES + PIVOT_CANDLES, unit="bps")

FEATURES = (
    *_swing(
        "support_distance_bps",
        inputs=("low", "close"),
        high=10_000,
        description="how far the close is above support; negative once broken",
        formula=f"10,000 (close - support) / close, support = {SWING.format('low', 'lowest low')}",
        value=lambda candles: (candles.close - candles.swings.support) / candles.close * 1e4,
    ),
    *_swing(
        "resistance_distance_bps",
        inputs=("high", "close"),
        low=-10_000,
        description="how far the close is below resistance; negative once broken",
        formula=f"10,000 (resistance - close) / close, resistance = {SWING.format('high', 'highest high')}",
        value=lambda candles: (candles.swings.resistance - candles.close) / candles.close * 1e4,
    ),
    *_structure(
        "engulfing",
        inputs=("open", "close"),
        window=2,
        unit="sign",
        low=-1,
        high=1,
        description="1 where a rising body covers the falling one before it, -1 the other way round, else 0",
        formula="sign of TA-Lib CDLENGULFING where both candles have a body, else 0",
        value=_engulfing,
    ),
    *_structure(
        "doji",
        inputs=("open", "high", "low", "close"),
        window=1,
        unit="flag",
        low=0,
        high=1,
        description="1 where the body is at most a tenth of the range; 0 where there is no range",
        formula="[|close - open| <= 0.1 (high - low) and high > low]",
        value=_doji,
        timeframes=("1m",),
    ),
    *_structure(
        "zone_touches",
        inputs=("high", "low", "close"),
        window=RECURSION_CANDLES,
        unit="count",
        low=0,
        high=TOUCH_CANDLES,
        description="candles of the last 60 whose low met the zone of support or whose high that of resistance",
        formula="sum over 60 candles of [|low - support| <= 0.25 atr_14 or |high - resistance| <= 0.25 atr_14]",
        value=_zone_touches,
    ),
    Feature(
        name="range_position_1d",
        family=Family.STRUCTURE,
        inputs=("klines_1m.high", "klines_1m.low", "klines_1m.close"),
        window=DAY_CANDLES,
        unit="fraction",
        low=0,
        high=1,
        description="place of the close in the range of the last 1,440 candles; 0.5 where there is no range",
        formula="(close - lowest low) / (highest high - lowest low)",
        value=lambda window: window.of_candles("1m", _range_position(window.candles["1m"])),
    ),
)
