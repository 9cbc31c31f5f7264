"""The USD-M futures REST API, keyless: candles of four kinds of price, funding, open interest, trades."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from crypto_assets.binance.agg_trades import PAGE, AggTradePages
from crypto_assets.binance.archive_tables import METRICS_LABEL_SWITCH, METRICS_PERIOD
from crypto_assets.binance.http import Http
from crypto_assets.binance.paging import join_pages, pages_by_time, within
from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.rate_limit import FUNDING_REQUESTS, FUTURES_WEIGHT, STATISTICS_REQUESTS, Cost
from crypto_assets.binance.rest import Params, Rest, time_params
from crypto_assets.binance.rest_rows import Page
from crypto_assets.binance.typed_rows import Column, TypedRows
from crypto_assets.binance.wire import Depth, ExchangeInfo, FundingInfo, OpenInterest, PremiumIndex
from crypto_assets.schemas import AGG_TRADES, BRONZE_FUNDING_RATE, BRONZE_OPEN_INTEREST
from crypto_assets.spans import Span

KLINES_PAGE = 1500
STATISTICS_PAGE = 500

_KLINES_WEIGHT = {100: 1, 500: 2, 1001: 5, KLINES_PAGE + 1: 10}
_DEPTH_WEIGHT = {51: 2, 101: 5, 501: 10, 1001: 20}
_LONGEST_AGG_TRADE_SPAN = timedelta(hours=1) - timedelta(milliseconds=1)
_FUNDING_COLUMNS = (
    Column("funding_time", "time", ("fundingTime",)),
    Column("funding_rate", "amount", ("fundingRate",)),
    Column("mark_price", "amount", ("markPrice",), blank=True),
)
_OPEN_INTEREST_COLUMNS = (
    Column("label", "time", ("timestamp",)),
    Column("open_interest", "wide_amount", ("sumOpenInterest",)),
    Column("open_interest_value", "wide_amount", ("sumOpenInterestValue",)),
)


class FuturesClient:
    """A client of `https://fapi.binance.com`, or whatever speaks like it.

    Processes that give the same `rate_limits` folder share the exchange's limits; the default is one of this machine.
    All methods raise Unavailable, RateLimited, Blocked, Refused (such as -1121 for an unknown symbol) or BadPayload.
    """

    def __init__(self, base_url: str, *, rate_limits: Path | None = None, http: Http | None = None) -> None:
        self._rest = Rest(
            base_url, time_path="/fapi/v1/time", weight=FUTURES_WEIGHT, rate_limits=rate_limits, http=http
        )
        self._agg_trades = AggTradePages(self._rest, "/fapi/v1/aggTrades", weight=20)

    def server_time(self) -> datetime:
        """The exchange's clock."""
        return self._rest.server_time()

    def exchange_info(self) -> ExchangeInfo:
        """All symbols, their rules, and the limits, which the client obeys from then on."""
        return self._rest.exchange_info("/fapi/v1/exchangeInfo", params=None, weight=1)

    def klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """Candles of trades that open in [start, end) and have closed, payload of BRONZE_KLINES."""
        return self._klines("/fapi/v1/klines", {"symbol": symbol}, timeframe, Span(start, end))

    def mark_price_klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """Candles of the mark price, volumes 0, payload of BRONZE_KLINES."""
        return self._klines("/fapi/v1/markPriceKlines", {"symbol": symbol}, timeframe, Span(start, end))

    def index_price_klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """Candles of the index price of a pair, volumes 0, payload of BRONZE_KLINES."""
        return self._klines("/fapi/v1/indexPriceKlines", {"pair": symbol}, timeframe, Span(start, end))

    def premium_index_klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """Candles of the premium index, a fraction that may be negative, volumes 0, payload of BRONZE_KLINES."""
        return self._klines("/fapi/v1/premiumIndexKlines", {"symbol": symbol}, timeframe, Span(start, end))

    def funding_rates(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        """Rates settled in [start, end), payload of BRONZE_FUNDING_RATE; `interval_hours` is not told here."""

        def fetch(first_ms: int, last_ms: int) -> Page:
            params = {"symbol": symbol, "startTime": first_ms, "endTime": last_ms, "limit": PAGE}
            cost = Cost(FUNDING_REQUESTS)
            return self._rest.get_page("/fapi/v1/fundingRate", _FUNDING_COLUMNS, params=params, cost=cost)

        step = timedelta(milliseconds=1)  # payments may be hours apart, and any number of hours
        pages = pages_by_time(fetch, time="funding_time", span=Span(start, end), step=step, limit=PAGE)
        return join_pages(pages, payload=BRONZE_FUNDING_RATE.payload)

    def open_interest_history(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        """Open interest *known* in [start, end), every five minutes, payload of BRONZE_OPEN_INTEREST without ratios.

        The exchange refuses what is older than 30 days. Labels mean what they mean in the archive's metrics: since
        2026-06-25 the start of the five minutes that end with the figure.
        """
        span = Span(start, end)
        pages: list[Page] = []
        first = start - METRICS_PERIOD
        while first < end:
            stop = min(end, first + STATISTICS_PAGE * METRICS_PERIOD)  # no page can be cut, whichever end is kept
            pages.append(self._open_interest_page(symbol, Span(first, stop)))
            first = stop
        return join_pages(pages, payload=BRONZE_OPEN_INTEREST.payload, where=within("time", span))

    def agg_trades(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        """Aggregated trades matched in [start, end), AGG_TRADES; the exchange offers the last 48 hours only."""
        pages: list[Page] = []
        first = start
        while first < end:
            stop = min(end, first + _LONGEST_AGG_TRADE_SPAN)
            page = self._agg_trades.page(symbol, {**time_params(Span(first, stop)), "limit": PAGE})
            following = self._agg_trades.following(symbol, page, end=end)
            pages += [page, *following]
            if following:
                break
            first = stop
        return join_pages(pages, payload=AGG_TRADES, where=within("time", Span(start, end)))

    def agg_trades_from(self, symbol: str, from_id: int, *, limit: int = PAGE) -> Parsed:
        """At most `limit` (up to 1,000) aggregated trades from an id on, AGG_TRADES."""
        return self._agg_trades.from_id(symbol, from_id, limit=limit)

    def depth(self, symbol: str, limit: int = 100) -> Depth:
        """The order book as of now; `limit` levels a side, one of 5, 10, 20, 50, 100, 500 and 1,000."""
        weight = next((points for below, points in _DEPTH_WEIGHT.items() if limit < below), 20)
        return self._rest.get_as(Depth, "/fapi/v1/depth", params={"symbol": symbol, "limit": limit}, weight=weight)

    def funding_info(self) -> list[FundingInfo]:
        """Symbols whose funding interval or caps are not the usual ones."""
        return self._rest.get_as(list[FundingInfo], "/fapi/v1/fundingInfo", cost=Cost(FUNDING_REQUESTS))

    def open_interest(self, symbol: str) -> OpenInterest:
        """Contracts open now."""
        return self._rest.get_as(OpenInterest, "/fapi/v1/openInterest", params={"symbol": symbol})

    def premium_index(self, symbol: str) -> PremiumIndex:
        """Mark price, index price and the running estimate of the funding rate."""
        return self._rest.get_as(PremiumIndex, "/fapi/v1/premiumIndex", params={"symbol": symbol})

    def _klines(self, path: str, symbol: Params, timeframe: str, span: Span) -> Parsed:
        return self._rest.klines(
            path, symbol=symbol, timeframe=timeframe, span=span, most=KLINES_PAGE, weigh=_KLINES_WEIGHT
        )

    def _open_interest_page(self, symbol: str, labels: Span) -> Page:
        params = {"symbol": symbol, "period": "5m", **time_params(labels), "limit": STATISTICS_PAGE}
        page = self._rest.get_page(
            "/futures/data/openInterestHist", _OPEN_INTEREST_COLUMNS, params=params, cost=Cost(STATISTICS_REQUESTS)
        )
        label = pl.col("label")
        known = pl.when(label >= METRICS_LABEL_SWITCH).then(label + METRICS_PERIOD).otherwise(label)
        return page.with_rows(TypedRows(page.rows.values.with_columns(known.alias("time")), page.rows.faults))
