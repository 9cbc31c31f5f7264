"""Days of features and candles that are made up, yet keep every promise of gold and silver."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa

from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES, PRESENCE, Feature
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.spans import day_span

DAY = date(2024, 8, 5)
MINUTE = timedelta(minutes=1)
PRICE = 50_000.0
CANDLES = SILVER_KLINES["1m"]


def gold_table(
    day: date = DAY,
    *,
    minutes: Sequence[int] = range(1_440),
    cold: int = 0,
    values: Mapping[str, Sequence[float | None]] | None = None,
) -> pa.Table:
    """Rows of some minutes of a day, the first `cold` of them not warm; features have `values` or swing in range."""
    start = day_span(day).start
    count = len(minutes)
    columns: dict[str, Sequence[object]] = {
        "open_time": [start + m * MINUTE for m in minutes],
        "as_of": [start + (m + 1) * MINUTE for m in minutes],
        "warm": [place >= cold for place in range(count)],
        "filled": [False] * count,
        "perpetual_present": [True] * count,
        **{column: [True] * count for column in PRESENCE.values()},
    }
    for place, feature in enumerate(FEATURES):
        columns[feature.name] = [_swing(feature, m, speed=1 + place % 7) for m in minutes]
    columns |= values or {}
    return pa.table({name: columns[name] for name in GOLD_FEATURES.schema.names}, schema=GOLD_FEATURES.schema)


def candle_table(day: date = DAY, *, minutes: Sequence[int] = range(1_440)) -> pa.Table:
    """Candles of some minutes around PRICE: the one of minute m opens at PRICE + m."""
    start = day_span(day).start
    rows = [_candle(start + m * MINUTE, m) for m in minutes]
    return pa.Table.from_pylist(rows, schema=CANDLES.schema)


def publish_day(lake: Lake, symbol: str, day: date = DAY, *, cold: int = 0) -> None:
    """Put a whole day of features and candles into a lake."""
    lake.publish(CANDLES, symbol, day, candle_table(day))
    lake.publish(GOLD_FEATURES, symbol, day, gold_table(day, cold=cold))


def _swing(feature: Feature, minute: int, *, speed: int) -> float:
    """A wave inside the declared range; features in the quote asset that cannot fall below zero swing around PRICE."""
    low = -1.0 if feature.low is None else feature.low
    high = low + 2.0 if feature.high is None else feature.high
    if feature.unit == "quote asset" and feature.name.startswith(("bb_", "vwap")):
        low, high = PRICE, PRICE + 1_500
    return (low + high) / 2 + (high - low) / 2.5 * math.sin(speed * minute / 100)


def _candle(open_time: object, minute: int) -> dict[str, object]:
    price = Decimal(int(PRICE) + minute)
    close_time = open_time + MINUTE - timedelta(milliseconds=1)  # pyright: ignore[reportOperatorIssue]
    return {
        "open_time": open_time,
        "open": price,
        "high": price + 3,
        "low": price - 2,
        "close": price + 1,
        "volume": Decimal("1.5"),
        "close_time": close_time,
        "quote_volume": price,
        "count": 7,
        "taker_buy_volume": Decimal("0.5"),
        "taker_buy_quote_volume": price / 2,
        "flags": 0,
        "source": "archive",
    }
