"""Spot REST of candles and trades: `/api/v3`."""

from __future__ import annotations

import polars as pl
from starlette.requests import Request

from crypto_assets.binance.archive_paths import SPOT_TIMEFRAMES
from crypto_assets.simulator.parameters import (
    TimeRange,
    read_integer,
    read_interval,
    read_limit,
    read_symbol,
    read_time_range,
)
from crypto_assets.simulator.replies import ApiError
from crypto_assets.simulator.rest import Endpoint, time_unit_us
from crypto_assets.simulator.rows import RowReader, kline_rows

_LARGEST = 1000
_DEFAULT = 500


class SpotRest:
    """Answers from what the reader finds; the numbers have 8 decimals."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader

    def endpoints(self) -> list[Endpoint]:
        """Addresses and their weights."""
        return [
            Endpoint("/api/v3/ping", lambda _request: {}),
            Endpoint("/api/v3/time", self.time),
            Endpoint("/api/v3/klines", self.klines, 2),
            Endpoint("/api/v3/aggTrades", self.agg_trades, 4),
            Endpoint("/api/v3/trades", self.trades, 25),
            Endpoint("/api/v3/historicalTrades", self.historical_trades, 25),
        ]

    def time(self, request: Request) -> object:
        """The exchange's clock."""
        return {"serverTime": self._reader.now_us() // time_unit_us(request)}

    def klines(self, request: Request) -> object:
        """Candles, the open one included."""
        symbol = read_symbol(request, self._reader.symbols())
        interval = read_interval(request, SPOT_TIMEFRAMES)
        limit = read_limit(request, default=_DEFAULT, largest=_LARGEST, clamp=True)
        found = self._reader.klines(request, symbol, interval, kind="klines", limit=limit)
        return kline_rows(found, unit_us=time_unit_us(request))

    def agg_trades(self, request: Request) -> object:
        """Aggregated trades by id or by time."""
        symbol = read_symbol(request, self._reader.symbols())
        limit = read_limit(request, default=_DEFAULT, largest=_LARGEST, clamp=True)
        from_id = read_integer(request, "fromId")
        if from_id is not None and read_time_range(request) != TimeRange(None, None):
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        found = self._reader.trades(request, symbol, kind="aggTrades", limit=limit, from_id=from_id)
        return _agg_trade_rows(found, unit_us=time_unit_us(request))

    def trades(self, request: Request) -> object:
        """The most recent trades."""
        return self._trades(request, from_id=None)

    def historical_trades(self, request: Request) -> object:
        """Trades from an id on, or without one the most recent."""
        return self._trades(request, from_id=read_integer(request, "fromId"))

    def _trades(self, request: Request, *, from_id: int | None) -> object:
        symbol = read_symbol(request, self._reader.symbols())
        limit = read_limit(request, default=_DEFAULT, largest=_LARGEST, clamp=True)
        recent = TimeRange(None, None)
        found = self._reader.trades(request, symbol, kind="trades", limit=limit, from_id=from_id, span=recent)
        return _trade_rows(found, unit_us=time_unit_us(request))


def _agg_trade_rows(frame: pl.DataFrame, *, unit_us: int) -> list[dict[str, object]]:
    return frame.select(
        a="id",
        p=pl.col("price").cast(pl.String),
        q=pl.col("quantity").cast(pl.String),
        f="first_id",
        l="last_id",
        T=pl.col("time_us") // unit_us,
        m="is_buyer_maker",
        M=True,
    ).to_dicts()


def _trade_rows(frame: pl.DataFrame, *, unit_us: int) -> list[dict[str, object]]:
    return frame.select(
        "id",
        price=pl.col("price").cast(pl.String),
        qty=pl.col("quantity").cast(pl.String),
        quoteQty=pl.col("quote_quantity").cast(pl.String),
        time=pl.col("time_us") // unit_us,
        isBuyerMaker="is_buyer_maker",
        isBestMatch=True,
    ).to_dicts()
