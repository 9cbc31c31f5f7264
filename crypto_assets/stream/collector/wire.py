"""Messages of combined streams as the exchange spells them; unknown fields are ignored, wrong ones refused.

Spot streams and `/market` of USD-M, `{"stream": …, "data": …}`. Fields have the names of the topic's schema, by which
they are encoded. Amounts stay the text that was sent: patterns check them here, except those of books, which are many
and are checked together.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from crypto_assets.binance.wire import Id, Millis

_AMOUNT = r"[0-9]{1,20}(?:\.[0-9]{1,18})?"
Amount = Annotated[str, msgspec.Meta(pattern=rf"^{_AMOUNT}\Z")]
SignedAmount = Annotated[str, msgspec.Meta(pattern=rf"^-?{_AMOUNT}\Z")]
OptionalAmount = Annotated[str, msgspec.Meta(pattern=rf"^(?:-?{_AMOUNT})?\Z")]
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]{1,40}\Z")]
Count = Annotated[int, msgspec.Meta(ge=-1, le=1 << 62)]


class Message(msgspec.Struct, gc=False):
    """Base of all messages; they hold no cycles, so that the collector of garbage need not look at them."""


class Combined[T](msgspec.Struct, gc=False):
    """A message of a combined stream whose name was read before."""

    data: T


class Envelope(msgspec.Struct, gc=False):
    """Any message: of a combined stream, or an answer to a request of ours."""

    stream: str | None = None
    code: int | None = None
    id: int | str | None = None
    e: str | None = None


class Event(Message):
    """What most messages begin with."""

    event_time: Millis = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")


class TradeMessage(Event):
    """`<symbol>@trade`."""

    trade_id: Id = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    trade_time: Millis = msgspec.field(name="T")
    is_buyer_maker: bool = msgspec.field(name="m")


class Candle(Message):
    """The candle of a `kline` message."""

    open_time: Millis = msgspec.field(name="t")
    close_time: Millis = msgspec.field(name="T")
    timeframe: str = msgspec.field(name="i")
    open: Amount = msgspec.field(name="o")
    close: Amount = msgspec.field(name="c")
    high: Amount = msgspec.field(name="h")
    low: Amount = msgspec.field(name="l")
    volume: Amount = msgspec.field(name="v")
    count: Id = msgspec.field(name="n")
    closed: bool = msgspec.field(name="x")
    quote_volume: Amount = msgspec.field(name="q")
    taker_buy_volume: Amount = msgspec.field(name="V")
    taker_buy_quote_volume: Amount = msgspec.field(name="Q")


class KlineMessage(Event):
    """`<symbol>@kline_<interval>`."""

    candle: Candle = msgspec.field(name="k")


class TickerMessage(Event):
    """`<symbol>@ticker`."""

    price_change: SignedAmount = msgspec.field(name="p")
    price_change_percent: SignedAmount = msgspec.field(name="P")
    weighted_average_price: Amount = msgspec.field(name="w")
    last_price: Amount = msgspec.field(name="c")
    last_quantity: Amount = msgspec.field(name="Q")
    bid_price: Amount = msgspec.field(name="b")
    bid_quantity: Amount = msgspec.field(name="B")
    ask_price: Amount = msgspec.field(name="a")
    ask_quantity: Amount = msgspec.field(name="A")
    open_price: Amount = msgspec.field(name="o")
    high_price: Amount = msgspec.field(name="h")
    low_price: Amount = msgspec.field(name="l")
    volume: Amount = msgspec.field(name="v")
    quote_volume: Amount = msgspec.field(name="q")
    statistics_open_time: Millis = msgspec.field(name="O")
    statistics_close_time: Millis = msgspec.field(name="C")
    first_trade_id: Count = msgspec.field(name="F")
    last_trade_id: Count = msgspec.field(name="L")
    count: Id = msgspec.field(name="n")


class BookMessage(Message):
    """`<symbol>@depth10@100ms` of spot: no symbol, no time."""

    last_update_id: Id = msgspec.field(name="lastUpdateId")
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class BookTickerMessage(Message):
    """`<symbol>@bookTicker` of spot: no time."""

    update_id: Id = msgspec.field(name="u")
    symbol: str = msgspec.field(name="s")
    bid_price: str = msgspec.field(name="b")
    bid_quantity: str = msgspec.field(name="B")
    ask_price: str = msgspec.field(name="a")
    ask_quantity: str = msgspec.field(name="A")


class DepthMessage(Event):
    """`<symbol>@depth@100ms` of spot."""

    first_update_id: Id = msgspec.field(name="U")
    last_update_id: Id = msgspec.field(name="u")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")


class MarkPriceMessage(Event):
    """`<symbol>@markPrice@1s` of USD-M; a delivery contract has no funding rate, its text is empty."""

    mark_price: Amount = msgspec.field(name="p")
    index_price: Amount = msgspec.field(name="i")
    estimated_settle_price: Amount = msgspec.field(name="P")
    funding_rate: OptionalAmount = msgspec.field(name="r")
    next_funding_time: Millis = msgspec.field(name="T")


class LiquidationOrder(Message):
    """The order of a `forceOrder` message."""

    symbol: str = msgspec.field(name="s")
    side: Word = msgspec.field(name="S")
    order_type: Word = msgspec.field(name="o")
    time_in_force: Word = msgspec.field(name="f")
    original_quantity: Amount = msgspec.field(name="q")
    price: Amount = msgspec.field(name="p")
    average_price: Amount = msgspec.field(name="ap")
    status: Word = msgspec.field(name="X")
    last_filled_quantity: Amount = msgspec.field(name="l")
    filled_quantity: Amount = msgspec.field(name="z")
    trade_time: Millis = msgspec.field(name="T")


class LiquidationMessage(Message):
    """`<symbol>@forceOrder` of USD-M."""

    event_time: Millis = msgspec.field(name="E")
    order: LiquidationOrder = msgspec.field(name="o")
