"""REST answers that are one object, as the exchange spells them; unknown fields are ignored.

What the exchange may extend (status, types of filters) is text here and judged by who uses it. Numbers are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from crypto_assets.errors import BadPayload
from crypto_assets.spans import from_us

Level = tuple[Decimal, Decimal]
"""Price and quantity."""


class Wire(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all answers: refuses NaN and infinity, which Decimal would read."""

    def __post_init__(self) -> None:
        for value in _decimals(getattr(self, name) for name in self.__struct_fields__):
            if not value.is_finite():
                raise ValueError(f"{value} is no number")


def _decimals(values: object) -> Iterator[Decimal]:
    match values:
        case Decimal():
            yield values
        case list() | tuple() | Iterator():
            for value in values:
                yield from _decimals(value)
        case _:
            return


class ServerTime(Wire, frozen=True):
    """GET /api/v3/time, /fapi/v1/time."""

    server_time: int

    @property
    def time(self) -> datetime:
        """The exchange's clock."""
        return _moment(self.server_time)


class Depth(Wire, frozen=True):
    """GET /api/v3/depth, /fapi/v1/depth; best levels first. USD-M adds the times."""

    last_update_id: int
    bids: list[Level]
    asks: list[Level]
    event_time_ms: int | None = msgspec.field(default=None, name="E")
    transaction_time_ms: int | None = msgspec.field(default=None, name="T")


class RateLimit(Wire, frozen=True):
    """One limit of exchangeInfo, such as 6,000 of REQUEST_WEIGHT in 1 MINUTE."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class SymbolFilter(Wire, frozen=True):
    """One trading rule of a symbol; only the sizes of steps are kept."""

    filter_type: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None


class SymbolInfo(Wire, frozen=True):
    """One symbol of exchangeInfo."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[SymbolFilter] = []
    contract_type: str | None = None
    """USD-M only, such as PERPETUAL."""

    @property
    def tick_size(self) -> Decimal | None:
        """Smallest step of a price, quote asset; None where no rule says."""
        return next((f.tick_size for f in self.filters if f.filter_type == "PRICE_FILTER"), None)

    @property
    def lot_size(self) -> Decimal | None:
        """Smallest step of a quantity, base asset; None where no rule says."""
        return next((f.step_size for f in self.filters if f.filter_type == "LOT_SIZE"), None)


class ExchangeInfo(Wire, frozen=True):
    """GET /api/v3/exchangeInfo, /fapi/v1/exchangeInfo."""

    server_time: int
    rate_limits: list[RateLimit]
    symbols: list[SymbolInfo]

    @property
    def weight_per_minute(self) -> int | None:
        """Limit of request weight in one minute; None where none is given."""
        return next(
            (
                r.limit
                for r in self.rate_limits
                if (r.rate_limit_type, r.interval, r.interval_num) == ("REQUEST_WEIGHT", "MINUTE", 1)
            ),
            None,
        )


class Ticker24h(Wire, frozen=True):
    """GET /api/v3/ticker/24hr: the last 24 hours, rolling, not a UTC day."""

    symbol: str
    price_change: Decimal
    price_change_percent: Decimal
    weighted_avg_price: Decimal
    last_price: Decimal
    last_qty: Decimal
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    volume: Decimal
    quote_volume: Decimal
    open_time: int
    """First moment of the 24 hours, ms."""
    close_time: int
    """Last moment, ms."""
    first_id: int
    """Id of the first trade; -1 where there was none."""
    last_id: int
    count: int
    prev_close_price: Decimal | None = None
    bid_price: Decimal | None = None
    bid_qty: Decimal | None = None
    ask_price: Decimal | None = None
    ask_qty: Decimal | None = None


class PremiumIndex(Wire, frozen=True):
    """GET /fapi/v1/premiumIndex."""

    symbol: str
    mark_price: Decimal
    index_price: Decimal
    last_funding_rate: Decimal
    """Running estimate of the next rate."""
    next_funding_time: int
    time_ms: int = msgspec.field(name="time")
    estimated_settle_price: Decimal | None = None
    interest_rate: Decimal | None = None

    @property
    def time(self) -> datetime:
        """When the prices were calculated."""
        return _moment(self.time_ms)


class OpenInterest(Wire, frozen=True):
    """GET /fapi/v1/openInterest: contracts open now, base asset."""

    symbol: str
    open_interest: Decimal
    time_ms: int = msgspec.field(name="time")

    @property
    def time(self) -> datetime:
        """When they were counted."""
        return _moment(self.time_ms)


class FundingInfo(Wire, frozen=True):
    """One symbol of GET /fapi/v1/fundingInfo; symbols with the usual 8 hours and caps are not listed there."""

    symbol: str
    adjusted_funding_rate_cap: Decimal
    adjusted_funding_rate_floor: Decimal
    funding_interval_hours: int


def decode_answer[T](body: bytes, kind: type[T], *, origin: str) -> T:
    """The answer as a struct; raises BadPayload with the place in it that does not fit."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPayload(f"{origin}: {error}; it begins {body[:80]!r}") from error


def _moment(ms: int) -> datetime:
    return from_us(ms * 1000).astimezone(UTC)
