"""REST rows with their numbers as the exchange printed them, for streams that keep the text: trades and candles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from crypto_assets.binance.http import Http
from crypto_assets.binance.rate_limit import SPOT_WEIGHT
from crypto_assets.binance.rest import Rest

PAGE = 1_000
"""Most rows of one answer."""

Printed = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}(?:\.[0-9]{1,18})?\Z")]


class PrintedTrade(msgspec.Struct, frozen=True):
    """A row of GET /api/v3/historicalTrades."""

    trade_id: int = msgspec.field(name="id")
    price: Printed
    quantity: Printed = msgspec.field(name="qty")
    time_ms: int = msgspec.field(name="time")
    is_buyer_maker: bool = msgspec.field(name="isBuyerMaker")


class PrintedKline(msgspec.Struct, frozen=True, array_like=True):
    """A row of GET /api/v3/klines."""

    open_time_ms: int
    open: Printed
    high: Printed
    low: Printed
    close: Printed
    volume: Printed
    close_time_ms: int
    quote_volume: Printed
    count: int
    taker_buy_volume: Printed
    taker_buy_quote_volume: Printed


class PrintedRest:
    """Asks the spot REST API; its methods raise what SpotClient's do."""

    def __init__(self, base_url: str, *, rate_limits: Path | None = None, http: Http | None = None) -> None:
        self._rest = Rest(base_url, time_path="/api/v3/time", weight=SPOT_WEIGHT, rate_limits=rate_limits, http=http)

    def trades(self, symbol: str, from_id: int, *, limit: int = PAGE) -> list[PrintedTrade]:
        """At most `limit` single trades from an id on; not offered by data-api.binance.vision."""
        params = {"symbol": symbol, "fromId": from_id, "limit": limit}
        return self._rest.get_as(list[PrintedTrade], "/api/v3/historicalTrades", params=params, weight=25)

    def klines(self, symbol: str, timeframe: str, *, start_ms: int, end_ms: int) -> list[PrintedKline]:
        """At most 1,000 candles that open from `start_ms` to before `end_ms`, the one still open left out."""
        closed_before = int(self._rest.server_time().timestamp() * 1000)
        params = {"symbol": symbol, "interval": timeframe, "startTime": start_ms, "endTime": end_ms - 1, "limit": PAGE}
        rows = self._rest.get_as(list[PrintedKline], "/api/v3/klines", params=params, weight=2)
        return [row for row in rows if row.close_time_ms < closed_before]

    def server_time_ms(self) -> int:
        """The exchange's clock, ms."""
        return int(self._rest.server_time().timestamp() * 1000)
