"""Wire structs of recorded combined-stream messages, and what a stream's name says of its content.

Order-book numbers are decoded to float64 at once: two texts of the same number give the same float, and a price of at
most 15 significant digits survives it. Amounts of trades, mark prices and liquidations stay text until they become
decimals. Fields that no column needs are not declared, so that the exchange may add more of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

CaptureMarket = Literal["spot", "usdm"]

Id = Annotated[int, Meta(ge=0, le=2**62)]
Moment = Annotated[int, Meta(ge=0, le=4_102_444_800_000_000)]
"""Milliseconds since 1970-01-01 UTC, or microseconds where the recorder asked for them: the value tells
which. Before 2100."""
Price = Annotated[float, Meta(gt=0, lt=1e15)]
"""Above zero."""
Quantity = Annotated[float, Meta(ge=0, lt=1e15)]
Level = tuple[Price, Quantity]


class DepthDiff(msgspec.Struct, frozen=True, gc=False):
    """`@depth`, `@depth@<speed>`: absolute quantities of the levels that changed; 0 removes a level.

    USD-M sends the change as `pu`, spot does not have it. Partial books of USD-M have this shape too.
    """

    event_time: Moment = field(name="E")
    first_id: Id = field(name="U")
    last_id: Id = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    previous_id: Id | None = field(name="pu", default=None)


class DepthSnapshot(msgspec.Struct, frozen=True, gc=False):
    """Answer of REST `/api/v3/depth` or `/fapi/v1/depth` (a line without a stream), and spot `@depth<levels>`."""

    last_id: Id = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]
    event_time: Moment | None = field(name="E", default=None)


class Trade(msgspec.Struct, frozen=True, gc=False):
    """`@trade`."""

    event_time: Moment = field(name="E")
    trade_time: Moment = field(name="T")
    trade_id: Id = field(name="t")
    price: str = field(name="p")
    quantity: str = field(name="q")
    is_buyer_maker: bool = field(name="m")
    kind: str = field(name="X", default="MARKET")
    """USD-M: other values are transfers to the insurance fund and deleveraging, no trades of the book."""


class MarkPrice(msgspec.Struct, frozen=True, gc=False):
    """`@markPrice`, `@markPrice@1s`."""

    event_time: Moment = field(name="E")
    mark_price: str = field(name="p")
    index_price: str = field(name="i")
    estimated_funding_rate: str = field(name="r", default="")
    """Empty for contracts that expire."""
    next_funding_time: Moment = field(name="T", default=0)


class LiquidationOrder(msgspec.Struct, frozen=True, gc=False):
    """The order within `@forceOrder`."""

    symbol: str = field(name="s")
    side: str = field(name="S")
    price: str = field(name="p")
    average_price: str = field(name="ap")
    original_quantity: str = field(name="q")
    filled_quantity: str = field(name="z")
    status: str = field(name="X")
    order_time: Moment = field(name="T")


class ForceOrder(msgspec.Struct, frozen=True, gc=False):
    """`@forceOrder`, `!forceOrder@arr`."""

    event_time: Moment = field(name="E")
    order: LiquidationOrder = field(name="o")


class Clocked(msgspec.Struct, frozen=True, gc=False):
    """Any event with a time, where the rest of it is not wanted."""

    event_time: Moment = field(name="E")


class Framed[Message](msgspec.Struct, frozen=True, gc=False):
    """A message of a combined stream in its frame."""

    data: Message


class Frame(msgspec.Struct, frozen=True, gc=False):
    """The name in the frame; empty in what is no stream's message."""

    stream: str = ""


class StreamKind(StrEnum):
    """Streams that are read; all become rows but `aggTrade`, which is of use for its times only.

    An aggregate of several trades cannot be taken apart into them.
    """

    PARTIAL_DEPTH = "partial_depth"
    SHALLOW_DEPTH = "shallow_depth"
    DEPTH_DIFF = "depth_diff"
    TRADE = "trade"
    AGG_TRADE = "agg_trade"
    MARK_PRICE = "mark_price"
    FORCE_ORDER = "force_order"


ALL_LIQUIDATIONS = "!forceOrder@arr"

_SPOT_KINDS = {
    "depth": StreamKind.DEPTH_DIFF,
    "depth5": StreamKind.SHALLOW_DEPTH,
    "depth10": StreamKind.PARTIAL_DEPTH,
    "depth20": StreamKind.PARTIAL_DEPTH,
    "trade": StreamKind.TRADE,
    "aggTrade": StreamKind.AGG_TRADE,
}
_KINDS: dict[CaptureMarket, dict[str, StreamKind]] = {
    "spot": _SPOT_KINDS,
    "usdm": {**_SPOT_KINDS, "markPrice": StreamKind.MARK_PRICE, "forceOrder": StreamKind.FORCE_ORDER},
}


def stream_kind(name: str, *, symbol: str, market: CaptureMarket) -> StreamKind | None:
    """What the messages of a stream are; None where none of them is of use for the symbol.

    >>> stream_kind("btcusdt@depth10@100ms", symbol="BTCUSDT", market="spot")
    <StreamKind.PARTIAL_DEPTH: 'partial_depth'>
    """
    if name == ALL_LIQUIDATIONS:
        return StreamKind.FORCE_ORDER if market == "usdm" else None
    subject, _, kind = name.partition("@")
    return _KINDS[market].get(kind.partition("@")[0]) if subject == symbol.lower() else None
