"""Family perpetual: funding, open interest, premium and liquidations, by the time each was known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Unpack

import numpy as np

from crypto_assets.features.feature import Declared, Family, Feature
from crypto_assets.features.futures import LIQUIDATION_MINUTES, OPEN_INTEREST_MINUTES, PerpetualMinutes
from crypto_assets.features.inputs import Source
from crypto_assets.features.rolling import FloatArray, ratio, rolling_sum, shift
from crypto_assets.features.window import Window


def _perpetual(
    name: str,
    *,
    source: Source,
    inputs: tuple[str, ...],
    value: Callable[[PerpetualMinutes], FloatArray],
    **declared: Unpack[Declared],
) -> Feature:
    """A feature of the perpetual; `value` gives one entry a minute of its grid, `window` is in minutes."""
    return Feature(
        name=name,
        family=Family.PERPETUAL,
        source=source,
        inputs=tuple(f"perpetual.{column}" for column in inputs),
        value=lambda window: window.of_minutes(window.perpetual.grid, value(window.perpetual)),
        **declared,
    )


def _flipped(perpetual: PerpetualMinutes) -> FloatArray:
    product = np.sign(perpetual.funding_rate) * np.sign(perpetual.previous_funding_rate)
    return np.where(np.isnan(product), np.nan, product < 0)


def _open_interest_change(perpetual: PerpetualMinutes, *, minutes: int) -> FloatArray:
    before = shift(perpetual.open_interest, minutes)
    return 100 * ratio(perpetual.open_interest - before, before, otherwise=0.0)


def _change_of_open_interest(label: str, minutes: int) -> Feature:
    return _perpetual(
        f"open_interest_change_{label}",
        source=Source.OPEN_INTEREST,
        unit="percent",
        low=-100,
        description=f"change of open interest within {minutes} minutes; 0 where there was none",
        formula=f"100 (open_interest / open_interest {minutes} min before - 1)",
        inputs=("open_interest",),
        window=minutes + 1,
        value=lambda perpetual: _open_interest_change(perpetual, minutes=minutes),
    )


def _agreement(window: Window) -> FloatArray:
    minutes = OPEN_INTEREST_MINUTES[1]
    change = _open_interest_change(window.perpetual, minutes=minutes)
    change_of_rows = window.of_minutes(window.perpetual.grid, change)
    return np.sign(change_of_rows) * np.sign(window.close_ago(0) - window.close_ago(minutes))


_funding = partial(_perpetual, source=Source.FUNDING)
_liquidated = partial(
    _perpetual, source=Source.LIQUIDATIONS, window=LIQUIDATION_MINUTES, low=0, formula="sum over 60 minutes"
)

FEATURES = (
    _funding(
        "funding_rate",
        unit="fraction",
        low=-1,
        high=1,
        description="last settled rate that longs pay to shorts",
        formula="as settled by the exchange",
        inputs=("funding_rate", "funding_time"),
        value=lambda perpetual: perpetual.funding_rate,
    ),
    _funding(
        "funding_rate_change",
        unit="fraction",
        low=-2,
        high=2,
        description="last settled rate less the one before it",
        formula="funding_rate - previous_funding_rate",
        inputs=("funding_rate", "previous_funding_rate"),
        value=lambda perpetual: perpetual.funding_rate - perpetual.previous_funding_rate,
    ),
    _funding(
        "funding_rate_flipped",
        unit="flag",
        low=0,
        high=1,
        description="1 where the last settled rate and the one before it have opposite signs; 0 where one is zero",
        formula="[funding_rate previous_funding_rate < 0]",
        inputs=("funding_rate", "previous_funding_rate"),
        value=_flipped,
    ),
    _funding(
        "minutes_to_funding",
        unit="minutes",
        low=0,
        high=24 * 60,
        description="time until the next rate settles; 0 where it is due and not yet known",
        formula="max(0, next_funding_time - as_of)",
        inputs=("next_funding_time",),
        value=lambda perpetual: perpetual.minutes_to_funding,
    ),
    _perpetual(
        "open_interest",
        source=Source.OPEN_INTEREST,
        unit="base asset",
        low=0,
        description="open contracts, at most an hour old",
        formula="as published by the exchange",
        inputs=("open_interest", "open_interest_time"),
        value=lambda perpetual: perpetual.open_interest,
    ),
    _change_of_open_interest("5m", OPEN_INTEREST_MINUTES[0]),
    _change_of_open_interest("1h", OPEN_INTEREST_MINUTES[1]),
    Feature(
        name="oi_price_agreement",
        family=Family.PERPETUAL,
        source=Source.OPEN_INTEREST,
        inputs=("perpetual.open_interest", "klines_1m.close"),
        window=OPEN_INTEREST_MINUTES[1] + 1,
        unit="sign",
        low=-1,
        high=1,
        description="1 where open interest and price moved the same way within an hour, -1 opposite, 0 one stood still",
        formula="sign(open_interest_change_1h) sign(close - close 60 min before)",
        value=_agreement,
    ),
    _liquidated(
        "liquidation_count_1h",
        unit="count",
        description="liquidations of longs and shorts in the last hour; a lower bound",
        inputs=("liquidated_long_count", "liquidated_short_count"),
        value=lambda perpetual: rolling_sum(perpetual.liquidation_count, LIQUIDATION_MINUTES),
    ),
    _liquidated(
        "liquidation_volume_1h",
        unit="quote asset",
        description="their filled value; a lower bound",
        inputs=("liquidated_long_volume", "liquidated_short_volume"),
        value=lambda perpetual: rolling_sum(perpetual.liquidation_volume, LIQUIDATION_MINUTES),
    ),
    _perpetual(
        "premium_bps",
        source=Source.MARK_PRICE,
        unit="bps",
        low=-10_000,
        description="mark price of the perpetual relative to the index price of its underlying",
        formula="10,000 (mark_price / index_price - 1)",
        inputs=("mark_price", "index_price"),
        value=lambda perpetual: (perpetual.mark_price / perpetual.index_price - 1) * 1e4,
    ),
)
