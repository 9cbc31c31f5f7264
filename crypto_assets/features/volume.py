"""Family volume: what was traded in the last closed candles of each timeframe, and who took it."""

from __future__ import annotations

from crypto_assets.features.candles import RECENT_CANDLES, Candles
from crypto_assets.features.feature import Family, per_timeframe
from crypto_assets.features.rolling import FloatArray, ratio


def _vwap(candles: Candles) -> FloatArray:
    return ratio(candles.recent_quote_volume, candles.recent_volume, otherwise=candles.close)


def _mean_volume(candles: Candles) -> FloatArray:
    return candles.recent_volume / RECENT_CANDLES


FEATURES = (
    *per_timeframe(
        "vwap_20",
        family=Family.VOLUME,
        inputs=("close", "volume", "quote_volume"),
        window=RECENT_CANDLES,
        unit="quote asset",
        low=0,
        description="mean price of all that was traded in 20 candles; the close where nothing was",
        formula="sum of quote volume / sum of volume, 20 candles",
        value=_vwap,
    ),
    *per_timeframe(
        "vwap_distance_bps_20",
        family=Family.VOLUME,
        inputs=("close", "volume", "quote_volume"),
        window=RECENT_CANDLES,
        unit="bps",
        low=-10_000,
        description="distance of the close from vwap_20; 0 where nothing was traded",
        formula="10,000 (close / vwap_20 - 1)",
        value=lambda candles: (candles.close / _vwap(candles) - 1) * 1e4,
    ),
    *per_timeframe(
        "volume_sma_20",
        family=Family.VOLUME,
        inputs=("volume",),
        window=RECENT_CANDLES,
        unit="base asset",
        low=0,
        description="mean volume of 20 candles",
        formula="sum of volume / 20",
        value=_mean_volume,
    ),
    *per_timeframe(
        "volume_spike_20",
        family=Family.VOLUME,
        inputs=("volume",),
        window=RECENT_CANDLES,
        unit="ratio",
        low=0,
        high=RECENT_CANDLES,
        description="volume of the candle relative to the mean of 20; 1 where nothing was traded",
        formula="volume / volume_sma_20",
        value=lambda candles: ratio(candles.volume, _mean_volume(candles), otherwise=1.0),
    ),
    *per_timeframe(
        "taker_buy_ratio",
        family=Family.VOLUME,
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
