"""What the spot and the USD-M client share: one base address, its clock, and candles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from crypto_assets.binance.archive_tables import KLINE_COLUMNS
from crypto_assets.binance.http import Http
from crypto_assets.binance.paging import join_pages, pages_by_time, to_ms
from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.rate_limit import Cost, Quota, SharedLimits
from crypto_assets.binance.rest_rows import Page, read_page
from crypto_assets.binance.typed_rows import UTC_TIME, Column
from crypto_assets.binance.wire import ServerTime, decode_answer
from crypto_assets.errors import ConfigurationError, Refused
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.spans import EPOCH, Span

Params = Mapping[str, str | int]

# A month counts as its shortest one: the figure says how near the next candle may be.
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "M": 28 * 86_400}
_REST_KLINE_COLUMNS = KLINE_COLUMNS[:-1]  # the twelfth value means nothing, and more may follow


class Rest:
    """GET requests to one base address, counted against the quota of its address."""

    def __init__(
        self, base_url: str, *, time_path: str, weight: Quota, rate_limits: Path | None, http: Http | None
    ) -> None:
        if not base_url.startswith(("https://", "http://")):
            raise ConfigurationError(f"{base_url!r} is no address of a REST API: give https://… or http://…")
        if http is None:
            http = Http(limits=SharedLimits(rate_limits) if rate_limits else None)
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._time_path = time_path
        self._weight = weight
        self._time_seen = EPOCH

    def get_as[T](self, kind: type[T], path: str, *, params: Params | None = None, weight: int = 1) -> T:
        """The answer as a struct; raises BadPayload where it is none, and what `Http.get` raises."""
        body = self._http.get(self._base_url + path, params=params, cost=Cost(self._weight, weight))
        return decode_answer(body, kind, origin=_origin(path, params))

    def get_page(
        self, path: str, columns: tuple[Column, ...], *, params: Params, weight: int = 1, cost: Cost | None = None
    ) -> Page:
        """The answer as a page of rows; raises BadPayload where it is none, and what `Http.get` raises.

        It costs `weight`, or what `cost` says where the exchange counts it otherwise.
        """
        body = self._http.get(self._base_url + path, params=params, cost=cost or Cost(self._weight, weight))
        return read_page(body, columns, origin=_origin(path, params))

    def server_time(self) -> datetime:
        """The exchange's clock."""
        moment = self.get_as(ServerTime, self._time_path).time
        self._time_seen = max(self._time_seen, moment)
        return moment

    def learn_limit(self, weight_per_minute: int) -> None:
        """Take what the exchange has told instead of the default, for all processes of this machine."""
        self._http.learn_limit(self._base_url, self._weight, limit=weight_per_minute)

    def klines(
        self, path: str, *, symbol: Params, timeframe: str, span: Span, most: int, weigh: Mapping[int, int]
    ) -> Parsed:
        """Candles that open in the span and have closed, payload of BRONZE_KLINES.

        `symbol` is the parameter that names it, `most` the longest page, `weigh` the weight of a page by the number of
        rows that it must be below. Rows that repeat appear once.
        """
        step = timeframe_length(timeframe)
        # Known before the candles are asked for: one that closes in between counts as open.
        closed_before = self._time_seen if span.end <= self._time_seen else self.server_time()

        def fetch(first_ms: int, last_ms: int) -> Page:
            limit = min(most, (last_ms - first_ms) // (step // timedelta(milliseconds=1)) + 1)
            times = {"interval": timeframe, "startTime": first_ms, "endTime": last_ms, "limit": limit}
            weight = next(points for below, points in weigh.items() if limit < below)
            return self.get_page(path, _REST_KLINE_COLUMNS, params={**symbol, **times}, weight=weight)

        pages = pages_by_time(fetch, time="open_time", span=span, step=step, limit=most)
        is_closed = pl.col("close_time") < pl.lit(closed_before).cast(UTC_TIME)
        return join_pages(pages, payload=BRONZE_KLINES["1m"].payload, where=is_closed)


def timeframe_length(timeframe: str) -> timedelta:
    """Length of a candle of an interval such as `15m`, of a month its shortest; raises Refused for none of them."""
    count, unit = timeframe[:-1], timeframe[-1:]
    if not count.isdecimal() or unit not in _UNITS or not int(count):
        raise Refused(f"{timeframe!r} is no interval such as 1s, 1m, 15m, 1h, 1d, 1w or 1M", code=-1120)
    return int(count) * timedelta(seconds=_UNITS[unit])


def time_params(span: Span) -> dict[str, int]:
    """The half-open span as the exchange's inclusive milliseconds."""
    return {"startTime": to_ms(span.start), "endTime": to_ms(span.end) - 1}


def _origin(path: str, params: Params | None) -> str:
    """The request as text, for messages and rejected rows."""
    return f"{path}?{'&'.join(f'{name}={value}' for name, value in params.items())}" if params else path
