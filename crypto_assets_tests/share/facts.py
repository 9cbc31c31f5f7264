"""Minutes of facts, and of trades, to make windows of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from crypto_assets.warehouse.tables import FACT_TRADES

MIDNIGHT = datetime(2025, 9, 10, tzinfo=UTC).replace(tzinfo=None)


def minute(number: int, close: str, *, symbol: str = "BTCUSDT", **other: str | int) -> dict[str, Any]:
    """Minute `number` of 2025-09-10, in which one unit was traded at `close` unless `other` says more."""
    price = Decimal(close)
    row: dict[str, Any] = {
        "symbol": symbol,
        "trade_minute": MIDNIGHT + timedelta(minutes=number),
        "open_price": price,
        "max_price": price,
        "min_price": price,
        "close_price": price,
        "avg_price": price,
        "total_quantity": Decimal(1),
        "total_trade_value": price,
        "vwap": price,
        "trade_count": 1,
        "taker_buy_quantity": Decimal(0),
    }
    return row | {name: Decimal(value) if isinstance(value, str) else value for name, value in other.items()}


def facts(*minutes: dict[str, Any]) -> pa.Table:
    """FACT_TRADES of these minutes."""
    return pa.Table.from_pylist(list(minutes), schema=FACT_TRADES.schema)
