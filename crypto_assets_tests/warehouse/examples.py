"""Trades, candles and dimensions of a small day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa

from crypto_assets.binance.wire import SymbolInfo
from crypto_assets.cleaning.aggregate import klines_from_trades
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES
from crypto_assets.warehouse.facts import symbol_dimension
from crypto_assets.warehouse.tables import TRADES

DAY = date(2024, 8, 8)
MIDNIGHT = datetime(2024, 8, 8, tzinfo=UTC)
CANDLES = BRONZE_KLINES["1m"]


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade, amounts as text."""

    trade_id: int
    at_s: float
    """Seconds since midnight."""
    price: str = "100"
    quantity: str = "1"
    is_buyer_maker: bool = False
    symbol: str = "BTCUSDT"


def trades(rows: Iterable[Trade]) -> pa.Table:
    """The trades with the schema TRADES, in this order."""
    return pa.Table.from_pylist(
        [
            {
                "symbol": row.symbol,
                "trade_id": row.trade_id,
                "trade_time": MIDNIGHT + timedelta(seconds=row.at_s),
                "price": Decimal(row.price),
                "quantity": Decimal(row.quantity),
                "is_buyer_maker": row.is_buyer_maker,
            }
            for row in rows
        ],
        schema=TRADES,
    )


def small_day(symbol: str = "BTCUSDT", *, count: int = 400) -> list[Trade]:
    """Trades some 150 seconds apart, so that there are minutes without any."""
    return [
        Trade(
            trade_id=1_000 + n,
            at_s=150.25 * n,
            price=f"{100 + n % 7}.{n % 100:02d}",
            quantity=f"0.{1 + n % 9}{n % 10}",
            is_buyer_maker=n % 3 == 0,
            symbol=symbol,
        )
        for n in range(count)
    ]


def candles_of(rows: pa.Table) -> pa.Table:
    """The payload of one-minute candles of trades of one symbol, as another piece of code makes them."""
    exact = pl.DataFrame(pl.from_arrow(rows)).rename({"trade_time": "time"})
    printed = exact.with_columns(quote_quantity=pl.col("price") * pl.col("quantity"))
    kept = printed.select(BRONZE_TRADES.payload.names).to_arrow().cast(BRONZE_TRADES.payload)
    return klines_from_trades(kept, timeframe="1m")


def dim_symbol(*symbols: str) -> pa.Table:
    """The dimension of these symbols, all paid in USDT."""
    return symbol_dimension(
        SymbolInfo(symbol=name, base_asset=name.removesuffix("USDT"), quote_asset="USDT") for name in symbols
    )
