"""REST answers as structs, spelled as the exchange does; unknown fields are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from crypto_assets.errors import BadPayload
from crypto_assets.spans import from_us

Printed = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}(?:\.[0-9]{1,18})?\Z")]
"""A number as the exchange printed it, for streams that keep the text."""
Millis = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""Milliseconds since 1970, until the year 9999."""
Id = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class ServerTime(msgspec.Struct, frozen=True, rename="camel"):
    """GET /api/v3/time, /fapi/v1/time."""

    server_time: Millis

    @property
    def time(self) -> datetime:
        """The exchange's clock."""
        return from_us(self.server_time * 1000)


class RateLimit(msgspec.Struct, frozen=True, rename="camel"):
    """One limit of exchangeInfo, such as 6,000 of REQUEST_WEIGHT in 1 MINUTE."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class SymbolInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One symbol of exchangeInfo."""

    symbol: str
    base_asset: str
    quote_asset: str


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """GET /api/v3/exchangeInfo."""

    rate_limits: list[RateLimit]
    symbols: list[SymbolInfo]

    @property
    def weight_per_minute(self) -> int | None:
        """Limit of request weight in one minute; None where none is given."""
        minute = ("REQUEST_WEIGHT", "MINUTE", 1)
        limits = (r.limit for r in self.rate_limits if (r.rate_limit_type, r.interval, r.interval_num) == minute)
        return next(limits, None)


class PrintedTrade(msgspec.Struct, frozen=True):
    """A row of GET /api/v3/historicalTrades and /api/v3/trades."""

    trade_id: Id = msgspec.field(name="id")
    price: Printed
    quantity: Printed = msgspec.field(name="qty")
    time_ms: Millis = msgspec.field(name="time")
    is_buyer_maker: bool = msgspec.field(name="isBuyerMaker")


class PrintedKline(msgspec.Struct, frozen=True, array_like=True):
    """A row of GET /api/v3/klines."""

    open_time_ms: Millis
    open: Printed
    high: Printed
    low: Printed
    close: Printed
    volume: Printed
    close_time_ms: Millis
    quote_volume: Printed
    count: Id
    taker_buy_volume: Printed
    taker_buy_quote_volume: Printed


def decode_answer[T](body: bytes, kind: type[T], *, origin: str) -> T:
    """The answer as a struct; raises BadPayload with the place in it that does not fit."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPayload(f"{origin}: {error}; it begins {body[:80]!r}") from error
