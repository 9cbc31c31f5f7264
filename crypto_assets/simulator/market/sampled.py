"""Candles over a price that is sampled every second: mark, index and premium."""

from __future__ import annotations

import numpy as np

from crypto_assets.simulator.market.calendar import SECOND_US
from crypto_assets.simulator.market.results import Ints, KlineArrays


def sampled_klines(samples: Ints, *, start_us: int, first: int, end: int, seconds: int) -> KlineArrays:
    """Candles of the samples [first, end) of a day that begins at `start_us`; those without samples are absent."""
    opens = np.arange(first // seconds * seconds, end, seconds, dtype=np.int64)
    bounds = np.append(np.maximum(opens, first), end)
    zeros = np.zeros(opens.size, dtype=np.int64)
    window = samples[:end]
    return KlineArrays(
        open_time_us=start_us + opens * SECOND_US,
        close_time_us=start_us + (opens + seconds) * SECOND_US - 1,
        open=samples[bounds[:-1]],
        high=np.maximum.reduceat(window, bounds[:-1]) if opens.size else zeros,
        low=np.minimum.reduceat(window, bounds[:-1]) if opens.size else zeros,
        close=samples[bounds[1:] - 1],
        volume=zeros,
        quote_volume=zeros,
        count=np.diff(bounds),
        taker_buy_volume=zeros,
        taker_buy_quote_volume=zeros,
    )
