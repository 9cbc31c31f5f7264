"""USD-M REST of candles, trades and funding: `/fapi/v1`."""

from __future__ import annotations

import polars as pl
from starlette.datastructures import QueryParams
from starlette.requests import Request

from crypto_assets.binance.archive_paths import FUTURES_TIMEFRAMES
from crypto_assets.simulator.exchange_data import KlineKind
from crypto_assets.simulator.parameters import (
    TimeRange,
    limit_of,
    read_integer,
    read_interval,
    read_limit,
    read_optional_symbol,
    read_symbol,
    read_time_range,
)
from crypto_assets.simulator.replies import ApiError
from crypto_assets.simulator.rest import Endpoint, Handler
from crypto_assets.simulator.rows import RowReader, kline_rows
from crypto_assets.spans import DAY_US, HOUR_US

_LARGEST_KLINES = 1500
_DEFAULT = 500
_AGG_TRADE_REACH_US = 48 * HOUR_US  # older ones are in the archive only
_RECENT_FUNDINGS = 200


class FuturesRest:
    """Answers from what the reader finds; the numbers have the decimals of tick and lot."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader

    def endpoints(self) -> list[Endpoint]:
        """Addresses and their weights; funding rates share a limit of their own with `fundingInfo`."""
        return [
            Endpoint("/fapi/v1/ping", lambda _request: {}),
            Endpoint("/fapi/v1/time", self.time),
            Endpoint("/fapi/v1/klines", self._klines("klines"), _kline_weight),
            Endpoint("/fapi/v1/markPriceKlines", self._klines("markPriceKlines"), _kline_weight),
            Endpoint("/fapi/v1/indexPriceKlines", self._klines("indexPriceKlines"), _kline_weight),
            Endpoint("/fapi/v1/premiumIndexKlines", self._klines("premiumIndexKlines"), _kline_weight),
            Endpoint("/fapi/v1/aggTrades", self.agg_trades, 20),
            Endpoint("/fapi/v1/fundingRate", self.funding_rate, limit="funding"),
        ]

    def time(self, _request: Request) -> object:
        """The exchange's clock."""
        return {"serverTime": self._reader.now_us() // 1000}

    def agg_trades(self, request: Request) -> object:
        """Aggregated trades by id or by time, of the last 48 hours."""
        symbol = read_symbol(request, self._reader.symbols())
        limit = read_limit(request, default=_DEFAULT, largest=1000, clamp=False)
        from_id = read_integer(request, "fromId")
        span = read_time_range(request)
        if from_id is not None and span != TimeRange(None, None):
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        check_order(span)
        if span.start_us is not None and span.end_us is not None and span.end_us - span.start_us >= HOUR_US:
            raise ApiError(-1127, "More than 1 hours between startTime and endTime.")
        oldest_us = self._reader.now_us() - _AGG_TRADE_REACH_US
        found = self._reader.trades(request, symbol, kind="aggTrades", limit=limit, from_id=from_id)
        return _agg_trade_rows(found.filter(pl.col("time_us") >= oldest_us))

    def funding_rate(self, request: Request) -> object:
        """Funding payments of one symbol or of all."""
        known = self._reader.symbols()
        symbol = read_optional_symbol(request, known)
        limit = read_limit(request, default=100, largest=1000, clamp=True)
        span = read_time_range(request)
        check_order(span)
        if span == TimeRange(None, None) and "limit" not in request.query_params:
            limit = _RECENT_FUNDINGS
        rows = [self._fundings(request, name, limit) for name in ([symbol] if symbol else known)]
        merged = sorted((row for part in rows for row in part), key=lambda row: int(str(row["fundingTime"])))
        return merged[:limit] if span.start_us is not None else merged[-limit:]

    def _fundings(self, request: Request, symbol: str, limit: int) -> list[dict[str, object]]:
        found = self._reader.select(
            request, lambda start, end: self._reader.data.funding(symbol, start, end),
            symbol=symbol, limit=limit, width_us=limit * DAY_US // 3,
        )  # fmt: skip
        return found.select(
            symbol=pl.lit(symbol),
            fundingRate=pl.col("rate").cast(pl.String),
            fundingTime=pl.col("time_us") // 1000,
            markPrice=pl.col("mark_price").cast(pl.String),
            rateType=pl.lit("Regular"),
        ).to_dicts()

    def _klines(self, kind: KlineKind) -> Handler:
        def answer(request: Request) -> object:
            name = "pair" if kind == "indexPriceKlines" else "symbol"
            symbol = read_symbol(request, self._reader.symbols(), name=name)
            interval = read_interval(request, FUTURES_TIMEFRAMES)
            limit = read_limit(request, default=_DEFAULT, largest=_LARGEST_KLINES, clamp=False)
            check_order(read_time_range(request))
            found = self._reader.klines(request, symbol, interval, kind=kind, limit=limit)
            return kline_rows(found, unit_us=1000)

        return answer


def check_order(span: TimeRange) -> None:
    """Refuses a start after the end with -1023, as USD-M does and spot does not."""
    if span.start_us is not None and span.end_us is not None and span.start_us > span.end_us:
        raise ApiError(-1023, "Start time is greater than end time.")


def _kline_weight(query: QueryParams) -> int:
    limit = limit_of(query, default=_DEFAULT)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _agg_trade_rows(frame: pl.DataFrame) -> list[dict[str, object]]:
    quantity = pl.col("quantity").cast(pl.String)
    return frame.select(
        a="id",
        p=pl.col("price").cast(pl.String),
        q=quantity,
        nq=quantity,
        f="first_id",
        l="last_id",
        T=pl.col("time_us") // 1000,
        m="is_buyer_maker",
    ).to_dicts()
