"""The spot REST API, keyless: candles, trades, depth, symbols."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from crypto_assets.binance.agg_trades import PAGE, AggTradePages
from crypto_assets.binance.http import Http
from crypto_assets.binance.paging import join_pages, pages_by_id, within
from crypto_assets.binance.parsed import Parsed, join_parsed
from crypto_assets.binance.rate_limit import SPOT_WEIGHT
from crypto_assets.binance.rest import Rest, time_params
from crypto_assets.binance.rest_rows import Page
from crypto_assets.binance.typed_rows import Column
from crypto_assets.binance.wire import Depth, ExchangeInfo, Ticker24h
from crypto_assets.schemas import AGG_TRADES, BRONZE_TRADES
from crypto_assets.spans import Span

_TRADE_COLUMNS = (
    Column("trade_id", "count", ("id",)),
    Column("price", "amount"),
    Column("quantity", "amount", ("qty",)),
    Column("quote_quantity", "amount", ("quoteQty",)),
    Column("time", "time"),
    Column("is_buyer_maker", "flag", ("isBuyerMaker",)),
)
_KLINES_WEIGHT = {PAGE + 1: 2}
_DEPTH_WEIGHT = {101: 5, 501: 25, 1001: 50, 5001: 250}


class SpotClient:
    """A client of `https://api.binance.com`, `https://data-api.binance.vision` or whatever speaks like them.

    Processes that give the same `rate_limits` folder share the exchange's limits; the default is one of this machine.
    All methods raise Unavailable, RateLimited, Blocked, Refused (such as -1121 for an unknown symbol) or BadPayload.
    """

    def __init__(self, base_url: str, *, rate_limits: Path | None = None, http: Http | None = None) -> None:
        self._rest = Rest(base_url, time_path="/api/v3/time", weight=SPOT_WEIGHT, rate_limits=rate_limits, http=http)
        self._agg_trades = AggTradePages(self._rest, "/api/v3/aggTrades", weight=4)

    def server_time(self) -> datetime:
        """The exchange's clock."""
        return self._rest.server_time()

    def exchange_info(self, symbols: Sequence[str] | None = None) -> ExchangeInfo:
        """Symbols (all, or those named), their rules, and the limits, which the client obeys from then on."""
        params = {"symbols": msgspec.json.encode(list(symbols)).decode()} if symbols else None
        return self._rest.exchange_info("/api/v3/exchangeInfo", params=params, weight=20)

    def klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """Candles that open in [start, end) and have closed, payload of BRONZE_KLINES; ascending, none twice."""
        return self._rest.klines(
            "/api/v3/klines",
            symbol={"symbol": symbol},
            timeframe=timeframe,
            span=Span(start, end),
            most=PAGE,
            weigh=_KLINES_WEIGHT,
        )

    def agg_trades(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        """Aggregated trades matched in [start, end), AGG_TRADES: found by time, followed by id."""
        span = Span(start, end)
        first = self._first_agg_trades(symbol, span)
        following = self._agg_trades.following(symbol, first, end=end)
        return join_pages([first, *following], payload=AGG_TRADES, where=within("time", span))

    def agg_trades_from(self, symbol: str, from_id: int, *, limit: int = PAGE) -> Parsed:
        """At most `limit` (up to 1,000) aggregated trades from an id on, AGG_TRADES."""
        return self._agg_trades.from_id(symbol, from_id, limit=limit)

    def trades(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        """Single trades matched in [start, end), payload of BRONZE_TRADES; not offered by data-api.binance.vision."""
        span = Span(start, end)
        first_ids = self._first_agg_trades(symbol, span, limit=1).rows.accepted()["first_trade_id"]
        if first_ids.is_empty():
            return join_parsed([], payload=BRONZE_TRADES.payload)

        def fetch(from_id: int) -> Page:
            params = {"symbol": symbol, "fromId": from_id, "limit": PAGE}
            return self._rest.get_page("/api/v3/historicalTrades", _TRADE_COLUMNS, params=params, weight=25)

        pages = pages_by_id(fetch, key="trade_id", time="time", first_id=first_ids[0], end=end, limit=PAGE)
        return join_pages(pages, payload=BRONZE_TRADES.payload, where=within("time", span))

    def depth(self, symbol: str, limit: int = 100) -> Depth:
        """The order book as of now, at most `limit` levels a side, up to 5,000."""
        weight = next((points for below, points in _DEPTH_WEIGHT.items() if limit < below), 250)
        return self._rest.get_as(Depth, "/api/v3/depth", params={"symbol": symbol, "limit": limit}, weight=weight)

    def ticker_24h(self, symbol: str) -> Ticker24h:
        """Figures of the last 24 hours, rolling."""
        return self._rest.get_as(Ticker24h, "/api/v3/ticker/24hr", params={"symbol": symbol}, weight=2)

    def _first_agg_trades(self, symbol: str, span: Span, *, limit: int = PAGE) -> Page:
        return self._agg_trades.page(symbol, {**time_params(span), "limit": limit})
