"""Swing highs and lows, from the moment they are confirmed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crypto_assets.features.rolling import FloatArray, rolling_max, shift

PIVOT_CANDLES = 5
"""Candles on either side that a swing stands out from; it is known when the last of those on its right has closed."""
SWING_CANDLES = 240
"""Candles in which the last swing is looked for."""


@dataclass(frozen=True, slots=True)
class Swings:
    """Price of the last confirmed swing low (support) and swing high (resistance), one entry a candle."""

    support: FloatArray
    resistance: FloatArray


def find_swings(*, high: FloatArray, low: FloatArray) -> Swings:
    """The swings known at the close of each candle.

    A candle is a swing high if its high is above those of the 5 candles before it and not below those of the 5 after
    it, and it is known 5 candles later. Where none of the last 240 candles is a known swing, their highest high stands
    in. A swing low mirrors it.
    """
    return Swings(support=-_last_peak(-low), resistance=_last_peak(high))


def _last_peak(values: FloatArray) -> FloatArray:
    """Value of the last confirmed peak of the last SWING_CANDLES entries, else their largest; NaN while unknown."""
    here = np.arange(values.size)
    reach = rolling_max(values, PIVOT_CANDLES)
    candidate = shift(values, PIVOT_CANDLES)
    confirmed = (candidate > shift(reach, PIVOT_CANDLES + 1)) & (candidate >= reach)
    last = np.maximum.accumulate(np.where(confirmed, here - PIVOT_CANDLES, -1))
    is_recent = (last >= 0) & (last > here - SWING_CANDLES)
    return np.where(is_recent, values[last], rolling_max(values, SWING_CANDLES))
