"""From a message of a stream to bytes for Kafka: the path that every message takes, so it does nothing twice."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any, ClassVar, Protocol

import msgspec

from crypto_assets.stream.collector.encoding import AvroText, Levels, message_encoder, text
from crypto_assets.stream.collector.sink import Sink
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.wire import (
    BookMessage,
    BookTickerMessage,
    Combined,
    DepthMessage,
    KlineMessage,
    LiquidationMessage,
    MarkPriceMessage,
    Message,
    TickerMessage,
    TradeMessage,
)
from crypto_assets.stream.topics import (
    BOOK_TICKERS,
    DEPTH_UPDATES,
    KLINES,
    LIQUIDATIONS,
    MARK_PRICE,
    ORDERBOOK,
    TICKERS,
    TRADES,
    Topic,
)

LIVE: AvroText = text("live")
_DIGITS_AND_POINT = b"0123456789."
_is_amount = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,18})?").fullmatch


class Link(Protocol):
    """What a route needs to know of the connection that brings its messages."""

    connection: AvroText
    sequence: int
    """Number of the next message that goes on."""
    received_us: int
    received_ms: int
    received: AvroText


class Route:
    """Handles the messages of one stream on one connection."""

    __slots__ = ("_frame", "_link", "_outlet", "_sink", "_state")
    _decode: ClassVar[staticmethod[[bytes], Combined[Any]]]
    _encode: ClassVar[staticmethod[..., bytes]]

    def __init_subclass__(cls, *, topic: Topic, message: type[Message]) -> None:
        cls._decode = staticmethod(msgspec.json.Decoder(Combined[message]).decode)
        cls._encode = staticmethod(message_encoder(topic.name, message))
        ROUTES[topic.name] = cls

    def __init__(self, state: CollectedState, link: Link, sink: Sink) -> None:
        self._state = state
        self._link = link
        self._sink = sink
        self._outlet = state.outlet
        self._frame = state.outlet.frame

    def __call__(self, raw: bytes) -> None:
        """Forward the message; raises ValueError or msgspec.MsgspecError where it is not one of this stream."""
        message = self._decode(raw).data
        token, event_us = self._judge(message)
        if not self._is_copy(token):
            self._forward(message, event_us)

    # What follows costs a call each: the streams of thousands of messages a second have it written out.

    def _judge(self, message: Any) -> tuple[int, int]:
        """Token by which copies are known, and time of the event (us); raises ValueError like `__call__`."""
        self._check_symbol(message.symbol)
        event_us = message.event_time * 1000
        return event_us, event_us

    def _is_copy(self, token: int) -> bool:
        """Whether the other of two overlapping connections brought this message, or a newer one, before."""
        state = self._state
        if state.shared and token <= state.token:
            state.duplicates += 1
            return True
        state.token = token
        return False

    def _forward(self, message: Message, event_us: int) -> None:
        state, link = self._state, self._link
        sequence = link.sequence
        link.sequence = sequence + 1
        value = self._frame + self._encode(message, state.head, link.received, link.connection, LIVE, sequence)
        state.messages += 1
        state.event_us = event_us
        state.received_us = link.received_us
        self._sink.emit(self._outlet, state.key, value, link.received_ms)

    def _check_symbol(self, symbol: str) -> None:
        if symbol != self._state.symbol:
            raise ValueError(f"symbol {symbol!r} in a stream of {self._state.symbol}")


ROUTES: dict[str, type[Route]] = {}
"""The route of each topic."""


class TradeRoute(Route, topic=TRADES, message=TradeMessage):
    """`@trade`: each id once, whatever brings it."""

    __slots__ = ()

    def __call__(self, raw: bytes) -> None:
        message: TradeMessage = self._decode(raw).data
        state, link = self._state, self._link
        price, quantity, number = message.price, message.quantity, message.trade_id
        if message.symbol != state.symbol:
            raise ValueError(f"symbol {message.symbol!r} in a stream of {state.symbol}")
        if not (_is_amount(price) and _is_amount(quantity)):
            raise ValueError(f"price {price[:40]!r} or quantity {quantity[:40]!r} is no number")
        track, event_us = state.track, message.event_time * 1000
        if number == track.next:
            track.next = number + 1
        elif not track.admit(number, since_us=state.event_us, until_us=event_us):
            state.duplicates += 1
            return
        sequence = link.sequence
        link.sequence = sequence + 1
        value = self._frame + self._encode(message, state.head, link.received, link.connection, LIVE, sequence)
        state.messages += 1
        state.event_us = event_us
        state.received_us = link.received_us
        self._sink.emit(self._outlet, state.key, value, link.received_ms)


class KlineRoute(Route, topic=KLINES, message=KlineMessage):
    """`@kline_…`: every state of the candle goes on; closed ones are counted."""

    __slots__ = ()

    def __call__(self, raw: bytes) -> None:
        message: KlineMessage = self._decode(raw).data
        candle, state = message.candle, self._state
        if message.symbol != state.symbol or candle.timeframe != state.stream.kind.timeframe:
            raise ValueError(f"{message.symbol!r} {candle.timeframe!r} in the stream {state.stream.name}")
        number, rest = divmod(candle.open_time * 1000, state.step_us)
        if rest:
            raise ValueError(f"open time {candle.open_time} is not a multiple of {candle.timeframe}")
        event_us = message.event_time * 1000
        if self._is_copy(event_us):
            return
        if candle.closed:
            state.track.admit(number)
        else:
            state.track.expect(number)
        self._forward(message, event_us)


class TickerRoute(Route, topic=TICKERS, message=TickerMessage):
    """`@ticker`."""

    __slots__ = ()


class BookRoute(Route, topic=ORDERBOOK, message=BookMessage):
    """`@depth10@100ms`."""

    __slots__ = ()

    def _judge(self, message: BookMessage) -> tuple[int, int]:
        _check_levels(message.bids, message.asks)
        return message.last_update_id, self._link.received_us


class BookTickerRoute(Route, topic=BOOK_TICKERS, message=BookTickerMessage):
    """`@bookTicker`."""

    __slots__ = ()

    def __call__(self, raw: bytes) -> None:
        m: BookTickerMessage = self._decode(raw).data
        state, link = self._state, self._link
        if m.symbol != state.symbol:
            raise ValueError(f"symbol {m.symbol!r} in a stream of {state.symbol}")
        bid, bids, ask, asks = m.bid_price, m.bid_quantity, m.ask_price, m.ask_quantity
        digits = f"{bid}{bids}{ask}{asks}".replace(".", "", 4)
        if not (digits.isdigit() and digits.isascii() and bid and bids and ask and asks):
            raise ValueError("a price or a quantity is no number")
        if state.shared and self._is_copy(m.update_id):
            return
        sequence = link.sequence
        link.sequence = sequence + 1
        value = self._frame + self._encode(m, state.head, link.received, link.connection, LIVE, sequence)
        state.token = m.update_id
        state.messages += 1
        state.event_us = state.received_us = link.received_us
        self._sink.emit(self._outlet, state.key, value, link.received_ms)


class DepthRoute(Route, topic=DEPTH_UPDATES, message=DepthMessage):
    """`@depth@100ms`."""

    __slots__ = ()

    def _judge(self, message: DepthMessage) -> tuple[int, int]:
        self._check_symbol(message.symbol)
        _check_levels(message.bids, message.asks)
        return message.last_update_id, message.event_time * 1000


class MarkPriceRoute(Route, topic=MARK_PRICE, message=MarkPriceMessage):
    """`@markPrice@1s` of USD-M."""

    __slots__ = ()


class LiquidationRoute(Route, topic=LIQUIDATIONS, message=LiquidationMessage):
    """`@forceOrder` of USD-M."""

    __slots__ = ()

    def _judge(self, message: LiquidationMessage) -> tuple[int, int]:
        self._check_symbol(message.order.symbol)
        event_us = message.event_time * 1000
        return event_us, event_us


def _check_levels(bids: Levels, asks: Levels) -> None:
    """Raises ValueError where a price or quantity has anything but digits and points in it."""
    texts = "".join(chain.from_iterable(chain(bids, asks)))
    if texts.encode().translate(None, _DIGITS_AND_POINT):
        raise ValueError("a price or a quantity of the book is no number")
