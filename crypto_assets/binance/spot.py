"""The spot REST API, keyless: candles, trades, symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from crypto_assets.binance.http import Http
from crypto_assets.binance.paging import join_pages, pages_by_id
from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.rate_limit import SPOT_WEIGHT
from crypto_assets.binance.rest import Rest, time_params
from crypto_assets.binance.rest_rows import Page
from crypto_assets.binance.typed_rows import Column, in_span
from crypto_assets.binance.wire import ExchangeInfo, PrintedKline, PrintedTrade
from crypto_assets.schemas import AGG_TRADES
from crypto_assets.spans import Span

PAGE = 1000
"""Most rows of one answer."""

_AGG_TRADE_COLUMNS = (
    Column("agg_trade_id", "count", ("a",)),
    Column("price", "amount", ("p",)),
    Column("quantity", "amount", ("q",)),
    Column("first_trade_id", "count", ("f",)),
    Column("last_trade_id", "count", ("l",)),
    Column("time", "time", ("T",)),
    Column("is_buyer_maker", "flag", ("m",)),
)


class SpotClient:
    """A client of `https://api.binance.com`, `https://data-api.binance.vision` or whatever speaks like them.

    Processes that give the same `rate_limits` folder share the exchange's limits; the default is one of this machine.
    All methods raise Unavailable, RateLimited, Blocked, Refused (such as -1121 for an unknown symbol) or BadPayload.
    """

    def __init__(self, base_url: str, *, rate_limits: Path | None = None, http: Http | None = None) -> None:
        self._rest = Rest(base_url, time_path="/api/v3/time", weight=SPOT_WEIGHT, rate_limits=rate_limits, http=http)

    def server_time(self) -> datetime:
        """The exchange's clock."""
        return self._rest.server_time()

    def exchange_info(self, symbols: Sequence[str]) -> ExchangeInfo:
        """These symbols, and the limits, which all processes of this machine obey from then on."""
        params = {"symbols": msgspec.json.encode(list(symbols)).decode()}
        info = self._rest.get_as(ExchangeInfo, "/api/v3/exchangeInfo", params=params, weight=20)
        if info.weight_per_minute:
            self._rest.learn_limit(info.weight_per_minute)
        return info

    def klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        """Candles that open in [start, end) and have closed, payload of BRONZE_KLINES; ascending, none twice."""
        return self._rest.klines(
            "/api/v3/klines",
            symbol={"symbol": symbol},
            timeframe=timeframe,
            span=Span(start, end),
            most=PAGE,
            weigh={PAGE + 1: 2},
        )

    def printed_klines(self, symbol: str, timeframe: str, *, start_ms: int, end_ms: int) -> list[PrintedKline]:
        """At most 1,000 candles that open from `start_ms` to before `end_ms`, the one still open left out."""
        closed_before = int(self._rest.server_time().timestamp() * 1000)
        params = {"symbol": symbol, "interval": timeframe, "startTime": start_ms, "endTime": end_ms - 1, "limit": PAGE}
        rows = self._rest.get_as(list[PrintedKline], "/api/v3/klines", params=params, weight=2)
        return [row for row in rows if row.close_time_ms < closed_before]

    def printed_trades(self, symbol: str, from_id: int, *, limit: int = PAGE) -> list[PrintedTrade]:
        """At most `limit` single trades from an id on; not offered by data-api.binance.vision."""
        params = {"symbol": symbol, "fromId": from_id, "limit": limit}
        return self._rest.get_as(list[PrintedTrade], "/api/v3/historicalTrades", params=params, weight=25)

    def newest_trades(self, symbol: str) -> list[PrintedTrade]:
        """The 1,000 single trades before now, offered by every host."""
        params = {"symbol": symbol, "limit": PAGE}
        return self._rest.get_as(list[PrintedTrade], "/api/v3/trades", params=params, weight=25)

    def agg_trades(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        """Aggregated trades matched in [start, end), AGG_TRADES: found by time, followed by id."""
        span = Span(start, end)

        def fetch(params: Mapping[str, int]) -> Page:
            asked = {"symbol": symbol, **params, "limit": PAGE}
            return self._rest.get_page("/api/v3/aggTrades", _AGG_TRADE_COLUMNS, params=asked, weight=4)

        pages = [fetch(time_params(span))]
        newest = pages[0].rows.accepted()["agg_trade_id"].max()
        if isinstance(newest, int):
            pages += pages_by_id(
                lambda first_id: fetch({"fromId": first_id}),
                key="agg_trade_id",
                time="time",
                first_id=newest + 1,
                end=end,
                limit=PAGE,
            )
        return join_pages(pages, payload=AGG_TRADES, where=in_span("time", span))
