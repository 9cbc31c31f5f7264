"""Family calendar: the time of the candle, and how whole the hour before it is."""

from __future__ import annotations

from functools import partial

import numpy as np

from crypto_assets.features.feature import Family, Feature
from crypto_assets.features.rolling import FloatArray
from crypto_assets.features.window import Window
from crypto_assets.spans import MINUTE_US

DAY_MINUTES = 1440
GAP_MINUTES = 60
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


def _angle(window: Window) -> FloatArray:
    return 2 * np.pi * (window.open_us // MINUTE_US % DAY_MINUTES) / DAY_MINUTES


def _day_of_week(window: Window) -> FloatArray:
    days = window.open_us // (MINUTE_US * DAY_MINUTES)
    return ((days + EPOCH_WEEKDAY) % 7).astype(np.float64)


_time = partial(Feature, family=Family.CALENDAR, inputs=("klines_1m.open_time",))
_circle = partial(_time, unit="fraction", low=-1, high=1, description="time of day on a circle")

FEATURES = (
    _circle(
        name="minute_of_day_sin",
        formula="sin(2 pi minute of the UTC day / 1440)",
        value=lambda window: np.sin(_angle(window)),
    ),
    _circle(
        name="minute_of_day_cos",
        formula="cos(2 pi minute of the UTC day / 1440)",
        value=lambda window: np.cos(_angle(window)),
    ),
    _time(
        name="day_of_week",
        unit="day",
        low=0,
        high=6,
        description="day of the UTC week, Monday is 0",
        formula="from open_time",
        value=_day_of_week,
    ),
    _time(
        name="gap_minutes_60",
        inputs=("klines_1m.open_time", "klines_1m.flags"),
        unit="minutes",
        low=0,
        high=GAP_MINUTES,
        description="minutes of the last 60 without a real candle: missing, interpolated or contradictory",
        formula="60 - candles read in (as_of - 60 min, as_of]",
        value=lambda window: (GAP_MINUTES - window.candles_read(GAP_MINUTES)).astype(np.float64),
    ),
)
