"""Spot REST of the simulated market's state: exchangeInfo, depth and tickers of `/api/v3`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request

from crypto_assets.simulator.decimal_text import Digits, decimal_text
from crypto_assets.simulator.market import Halt, SymbolSpec, Ticker24h
from crypto_assets.simulator.parameters import limit_of, read_limit, read_symbol
from crypto_assets.simulator.replies import ApiError
from crypto_assets.simulator.rest import SPOT_WEIGHT_LIMIT, Endpoint, time_unit_us
from crypto_assets.simulator.rows import RowReader
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.state_answers import best_prices, book_sides, mini_ticker, spot_ticker
from crypto_assets.spans import from_us


class SpotMarketRest:
    """Answers from the market as it stands now."""

    def __init__(self, data: SimulatedData, reader: RowReader) -> None:
        self._data = data
        self._reader = reader

    def endpoints(self) -> list[Endpoint]:
        """Addresses and their weights."""
        return [
            Endpoint("/api/v3/exchangeInfo", self.exchange_info, 20),
            Endpoint("/api/v3/depth", self.depth, _depth_weight),
            Endpoint("/api/v3/ticker/24hr", self.ticker_24h, _ticker_weight),
            Endpoint("/api/v3/ticker/price", self.ticker_price, 4),
            Endpoint("/api/v3/ticker/bookTicker", self.book_ticker, 4),
        ]

    def exchange_info(self, request: Request) -> object:
        """Rules and symbols."""
        now_us = self._reader.now_us()
        symbols, _ = _asked(request, self._reader.symbols())
        return {
            "timezone": "UTC",
            "serverTime": now_us // time_unit_us(request),
            "rateLimits": [
                _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, SPOT_WEIGHT_LIMIT),
                _rate_limit("RAW_REQUESTS", "MINUTE", 5, 300_000),
            ],
            "exchangeFilters": [],
            "symbols": [_symbol_info(self._data.spec(s), status=self._status(s, from_us(now_us))) for s in symbols],
        }

    def depth(self, request: Request) -> object:
        """The order book."""
        symbol = read_symbol(request, self._reader.traded())
        limit = read_limit(request, default=100, largest=5000, clamp=True)
        with self._data.market() as market:
            book = market.depth(symbol, self._reader.now_us(), levels=limit)
        bids, asks = book_sides(book, Digits())
        return {"lastUpdateId": int(book.last_update_id[0]), "bids": bids, "asks": asks}

    def ticker_24h(self, request: Request) -> object:
        """Statistics of the last 24 hours."""
        kind = request.query_params.get("type", "FULL")
        if kind not in ("FULL", "MINI"):
            raise ApiError(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
        unit_us = time_unit_us(request)
        describe = spot_ticker if kind == "FULL" else mini_ticker
        return self._each(request, lambda ticker: describe(ticker, Digits(), unit_us=unit_us))

    def ticker_price(self, request: Request) -> object:
        """The last price."""
        return self._each(request, lambda t: {"symbol": t.symbol, "price": decimal_text(t.last_price)})

    def book_ticker(self, request: Request) -> object:
        """The best bid and ask."""
        return self._each(request, lambda t: {"symbol": t.symbol, **best_prices(t, Digits())})

    def _each(self, request: Request, describe: Callable[[Ticker24h], object]) -> object:
        symbols, single = _asked(request, self._reader.traded())
        now_us = self._reader.now_us()
        with self._data.market() as market:
            found = [describe(market.ticker_24h(symbol, now_us)) for symbol in symbols]
        return found[0] if single else found

    def _status(self, symbol: str, now: datetime) -> str:
        if symbol not in self._reader.traded():
            return "BREAK"
        halts = (event for event in self._data.events if isinstance(event, Halt))
        halted = any(h.symbol in (None, symbol) and h.start <= now < h.end for h in halts)
        return "HALT" if halted else "TRADING"


def _asked(request: Request, known: Sequence[str]) -> tuple[Sequence[str], bool]:
    """The symbols of `symbol` or `symbols`, all without either; and whether one answer, not a list, is due."""
    query = request.query_params
    if query.get("symbol") and query.get("symbols"):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    if query.get("symbol"):
        return [read_symbol(request, known)], True
    if not query.get("symbols"):
        return known, False
    try:
        listed = msgspec.json.decode(query["symbols"], type=list[str])
    except msgspec.MsgspecError:
        raise ApiError(-1100, "Illegal characters found in parameter 'symbols'.") from None
    if not set(listed) <= set(known):
        raise ApiError(-1121, "Invalid symbol.")
    return listed, False


def _rate_limit(kind: str, interval: str, count: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}


def _symbol_info(spec: SymbolSpec, *, status: str) -> dict[str, object]:
    tick, lot = f"{spec.tick_size:.8f}", f"{spec.lot_size:.8f}"
    return {
        "symbol": spec.symbol,
        "status": status,
        "baseAsset": spec.base_asset,
        "baseAssetPrecision": 8,
        "quoteAsset": spec.quote_asset,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000.00000000", "stepSize": lot},
            {
                "filterType": "NOTIONAL",
                "minNotional": f"{spec.min_notional:.8f}",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def _depth_weight(query: QueryParams) -> int:
    limit = limit_of(query, default=100)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _ticker_weight(query: QueryParams) -> int:
    if query.get("symbol"):
        return 2
    asked = query.get("symbols", "").count(",") + 1 if query.get("symbols") else 0
    return 2 if 1 <= asked <= 20 else 40 if 21 <= asked <= 100 else 80
