"""Columns of candles of a second: what one says by itself, and beside the second before it."""

from __future__ import annotations

from dataclasses import dataclass

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class SecondFeature:
    """One column."""

    name: str
    unit: str
    formula: str


SECOND_FEATURES = (
    SecondFeature("log_return_1s", "log-return", "ln(close / close of the second before)"),
    SecondFeature("log_range_1s", "log-return", "ln(high / low)"),
    SecondFeature("log_volume_1s", "ln(base asset)", "ln(1 + volume)"),
    SecondFeature("taker_share_1s", "fraction", "taker_buy_volume / volume; 0.5 where nothing was traded"),
    SecondFeature("log_count_1s", "ln(count)", "ln(1 + number of trades)"),
)
"""All of them; each is known when its candle has closed."""
