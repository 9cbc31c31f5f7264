"""The USD-M futures REST API, keyless: candles of mark and index price, funding, open interest."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from crypto_assets.binance.archive_tables import METRICS_LABEL_SWITCH, METRICS_PERIOD
from crypto_assets.binance.http import Http
from crypto_assets.binance.paging import join_pages, pages_by_time
from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.rate_limit import FUNDING_REQUESTS, FUTURES_WEIGHT, STATISTICS_REQUESTS, Cost
from crypto_assets.binance.rest import Params, Rest, time_params
from crypto_assets.binance.rest_rows import Page
from crypto_assets.binance.typed_rows import Column, TypedRows, in_span
from crypto_assets.schemas import BRONZE_FUNDING_RATE, BRONZE_OPEN_INTEREST
from crypto_assets.spans import Span

KLINES_PAGE = 1500
FUNDING_PAGE = 1000
STATISTICS_PAGE = 500

_KLINES_WEIGHT = {100: 1, 500: 2, 1001: 5, KLINES_PAGE + 1: 10}
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

    def mark_price_klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """Candles of the mark price that open in [start, end) and have closed, volumes 0, payload of BRONZE_KLINES."""
        return self._klines("/fapi/v1/markPriceKlines", {"symbol": symbol}, timeframe, Span(start, end))

    def index_price_klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """The same of the index price of a pair."""
        return self._klines("/fapi/v1/indexPriceKlines", {"pair": symbol}, timeframe, Span(start, end))

    def funding_rates(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        """Rates settled in [start, end), payload of BRONZE_FUNDING_RATE; `interval_hours` is not told here."""

        def fetch(first_ms: int, last_ms: int) -> Page:
            params = {"symbol": symbol, "startTime": first_ms, "endTime": last_ms, "limit": FUNDING_PAGE}
            cost = Cost(FUNDING_REQUESTS)
            return self._rest.get_page("/fapi/v1/fundingRate", _FUNDING_COLUMNS, params=params, cost=cost)

        step = timedelta(milliseconds=1)  # payments may be hours apart, and any number of hours
        pages = pages_by_time(fetch, time="funding_time", span=Span(start, end), step=step, limit=FUNDING_PAGE)
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
        return join_pages(pages, payload=BRONZE_OPEN_INTEREST.payload, where=in_span("time", span))

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
