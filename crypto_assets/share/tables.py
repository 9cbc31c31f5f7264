"""The table that analysts share: what prices did in windows of a minute, five, an hour and a day."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from crypto_assets.schemas import AMOUNT
from crypto_assets.warehouse.tables import MEAN, MOMENT, VALUE, DayTable, described

WINDOWS: dict[str, timedelta] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
"""Timeframes of the shared aggregates and the length of their windows; each is counted from midnight UTC."""

PRICE_AGGREGATES = DayTable(
    name="price_aggregates",
    schema=pa.schema(
        [
            described("symbol", pa.string(), "symbol in upper case"),
            described("timeframe", pa.string(), f"length of the window: {', '.join(WINDOWS)}"),
            described("window_start", MOMENT, "start of the window, UTC"),
            described("open", AMOUNT, "price of the first trade, quote asset"),
            described("high", AMOUNT, "highest trade price, quote asset"),
            described("low", AMOUNT, "lowest trade price, quote asset"),
            described("close", AMOUNT, "price of the last trade, quote asset"),
            described("vwap", MEAN, "quote_volume / volume, rounded half to even at 18 decimals"),
            described("volume", AMOUNT, "traded base quantity"),
            described("quote_volume", VALUE, "sum of price times quantity, quote asset"),
            described("trades", pa.int64(), "number of trades"),
            described(
                "realised_volatility",
                pa.float64(),
                "square root of the sum of squared one-minute log returns, not annualised; null where there is none",
                nullable=True,
            ),
            described(
                "price_return",
                pa.float64(),
                "close / close before the window - 1; null where nothing traded before",
                nullable=True,
            ),
        ]
    ),
    key=("symbol", "timeframe", "window_start"),
    distkey="symbol",
    sortkey=("symbol", "timeframe", "window_start"),
)
"""One row for each window in which there were trades."""
