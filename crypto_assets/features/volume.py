"""Family volume: what was traded in the last closed candles of each timeframe, and who took it."""

from __future__ import annotations

from functools import partial

from crypto_assets.features.candles import RECENT_CANDLES, Candles
from crypto_assets.features.feature import Family, per_timeframe
from crypto_assets.features.rolling import FloatArray, ratio


def _vwap(candles: Candles) -> FloatArray:
    return ratio(candles.recent_quote_volume, candles.recent_volume, otherwise=candles.close)


def _mean_volume(candles: Candles) -> FloatArray:
    return candles.recent_volume / RECENT_CANDLES


_recent = partial(per_timeframe, family=Family.VOLUME, window=RECENT_CANDLES)

FEATURES = (
    *_recent(
        "vwap_20",
        inputs=("close", "volume", "quote_volume"),
        unit="quote asset",
        low=0,
        description="mean price of all that was traded in 20 candles; the close where nothing was",
        formula="sum of quote volume / sum of volume, 20 candles",
        value=_vwap,
    ),
    *_recent(
        "vwap_distance_bps_20",
        inputs=("close", "volume", "quote_volume"),
        unit="bps",
        low=-10_000,
        description="distance of the close from vwap_20; 0 where nothing was traded",
        formula="10,000 (close / vwap_20 - 1)",
        value=lambda candles: (candles.close / _vwap(candles) - 1) * 1e4,
    ),
    *_recent(
        "volume_sma_20",
        inputs=("volume",),
        unit="base asset",
        low=0,
        description="mean volume of 20 candles",
        formula="sum of volume / 20",
        value=_mean_volume,
    ),
    *_recent(
        "volume_spike_20",
        inputs=("volume",),
        unit="ratio",
        low=0,
        high=RECENT_CANDLES,
        description="volume of the candle relative to the mean of 20; 1 where nothing was traded",
        formula="volume / volume_sma_20",
        value=lambda candles: ratio(candles.volume, _mean_volume(candles), otherwise=1.0),
    ),
    *_recent(
        "taker_buy_ratio",
        inputs=("volume", "taker_buy_volume"),
        window=1,
        unit="fraction",
        low=0,
        high=1,
        description="part of the volume that takers bought; 0.5 where nothing was traded",
        formula="taker buy volume / volume",
        value=lambda candles: ratio(candles.taker_buy_volume, candles.volume, otherwise=0.5),
    ),
)
