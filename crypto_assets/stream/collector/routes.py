"""From a message of a stream to bytes for Kafka: the path that every message takes, so it does nothing twice."""

from __future__ import annotations

import re
from abc import abstractmethod
from itertools import chain
from typing import Protocol

import msgspec

from crypto_assets.stream.collector.encoding import AvroText, Levels, encoder, text
from crypto_assets.stream.collector.sink import Sink
from crypto_assets.stream.collector.states import StreamState
from crypto_assets.stream.collector.wire import (
    BookMessage,
    BookTickerMessage,
    Combined,
    DepthMessage,
    KlineMessage,
    LiquidationMessage,
    MarkPriceMessage,
    TickerMessage,
    TradeMessage,
)

LIVE: AvroText = text("live")
_PREPARED = ("symbol", "received_at", "connection", "source")
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

    def __init__(self, state: StreamState, link: Link, sink: Sink) -> None:
        self._state = state
        self._link = link
        self._sink = sink
        self._outlet = state.outlet
        self._frame = state.outlet.frame

    @abstractmethod
    def __call__(self, raw: bytes) -> None:
        """Forward the message; raises ValueError or msgspec.MsgspecError where it is not one of this stream."""

    # What follows costs a call each: the streams of thousands of messages a second have it written out.

    def _next(self) -> int:
        link = self._link
        sequence = link.sequence
        link.sequence = sequence + 1
        return sequence

    def _forward(self, value: bytes, event_us: int) -> None:
        state, link = self._state, self._link
        state.messages += 1
        state.event_us = event_us
        state.received_us = link.received_us
        if self._frame:
            value = self._frame + value
        self._sink.emit(self._outlet, state.key, value, link.received_ms)

    def _is_copy(self, token: int) -> bool:
        """Whether the other of two overlapping connections brought this message, or a newer one, before."""
        state = self._state
        if state.shared and token <= state.token:
            state.duplicates += 1
            return True
        state.token = token
        return False


class TradeRoute(Route):
    """`@trade`: each id once, whatever brings it."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[TradeMessage]).decode
    _encode = staticmethod(encoder("trades", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        message = self._decode(raw).data
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
        value = self._frame + self._encode(
            state.head,
            number,
            message.trade_time * 1000,
            price,
            quantity,
            message.is_buyer_maker,
            event_us,
            link.received,
            link.connection,
            sequence,
            LIVE,
        )
        state.messages += 1
        state.event_us = event_us
        state.received_us = link.received_us
        self._sink.emit(self._outlet, state.key, value, link.received_ms)


class KlineRoute(Route):
    """`@kline_…`: every state of the candle goes on; closed ones are counted."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[KlineMessage]).decode
    _encode = staticmethod(encoder("klines", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        message = self._decode(raw).data
        candle, state, link = message.candle, self._state, self._link
        if message.symbol != state.symbol or candle.timeframe != state.stream.kind.timeframe:
            raise ValueError(f"{message.symbol!r} {candle.timeframe!r} in the stream {state.stream.name}")
        event_us, open_us = message.event_time * 1000, candle.open_time * 1000
        if self._is_copy(event_us):
            return
        number, rest = divmod(open_us, state.step_us)
        if rest:
            raise ValueError(f"open time {candle.open_time} is not a multiple of {candle.timeframe}")
        if candle.closed:
            state.track.admit(number)
        else:
            state.track.expect(number)
        self._forward(
            self._encode(
                *(state.head, candle.timeframe, open_us, candle.close_time * 1000),
                *(candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_volume),
                *(candle.count, candle.taker_buy_volume, candle.taker_buy_quote_volume, candle.closed),
                *(event_us, link.received, link.connection, self._next(), LIVE),
            ),
            event_us,
        )


class TickerRoute(Route):
    """`@ticker`."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[TickerMessage]).decode
    _encode = staticmethod(encoder("tickers", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        m = self._decode(raw).data
        state, link = self._state, self._link
        _check_symbol(m.symbol, state)
        event_us = m.event_time * 1000
        if self._is_copy(event_us):
            return
        self._forward(
            self._encode(
                *(state.head, m.price_change, m.price_change_percent, m.weighted_average_price, m.last_price),
                *(m.last_quantity, m.bid_price, m.bid_quantity, m.ask_price, m.ask_quantity, m.open_price),
                *(m.high_price, m.low_price, m.volume, m.quote_volume, m.open_time * 1000, m.close_time * 1000),
                *(m.first_trade_id, m.last_trade_id, m.count),
                *(event_us, link.received, link.connection, self._next(), LIVE),
            ),
            event_us,
        )


class BookRoute(Route):
    """`@depth10@100ms`."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[BookMessage]).decode
    _encode = staticmethod(encoder("orderbook", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        m = self._decode(raw).data
        state, link = self._state, self._link
        _check_levels(m.bids, m.asks)
        if self._is_copy(m.last_update_id):
            return
        self._forward(
            self._encode(
                state.head,
                m.last_update_id,
                m.bids,
                m.asks,
                None,
                link.received,
                link.connection,
                self._next(),
                LIVE,
            ),
            link.received_us,
        )


class BookTickerRoute(Route):
    """`@bookTicker`."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[BookTickerMessage]).decode
    _encode = staticmethod(encoder("book_tickers", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        m = self._decode(raw).data
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
        value = self._frame + self._encode(
            state.head,
            m.update_id,
            bid,
            bids,
            ask,
            asks,
            None,
            link.received,
            link.connection,
            sequence,
            LIVE,
        )
        state.token = m.update_id
        state.messages += 1
        state.event_us = state.received_us = link.received_us
        self._sink.emit(self._outlet, state.key, value, link.received_ms)


class DepthRoute(Route):
    """`@depth@100ms`."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[DepthMessage]).decode
    _encode = staticmethod(encoder("depth_updates", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        m = self._decode(raw).data
        state, link = self._state, self._link
        _check_symbol(m.symbol, state)
        _check_levels(m.bids, m.asks)
        if self._is_copy(m.last_update_id):
            return
        event_us = m.event_time * 1000
        self._forward(
            self._encode(
                state.head,
                m.first_update_id,
                m.last_update_id,
                m.bids,
                m.asks,
                event_us,
                link.received,
                link.connection,
                self._next(),
                LIVE,
            ),
            event_us,
        )


class MarkPriceRoute(Route):
    """`@markPrice@1s` of USD-M."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[MarkPriceMessage]).decode
    _encode = staticmethod(encoder("mark_price", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        m = self._decode(raw).data
        state, link = self._state, self._link
        _check_symbol(m.symbol, state)
        event_us = m.event_time * 1000
        if self._is_copy(event_us):
            return
        self._forward(
            self._encode(
                *(state.head, m.mark_price, m.index_price, m.estimated_settle_price, m.funding_rate),
                *(m.next_funding_time * 1000,),
                *(event_us, link.received, link.connection, self._next(), LIVE),
            ),
            event_us,
        )


class LiquidationRoute(Route):
    """`@forceOrder` of USD-M."""

    __slots__ = ()
    _decode = msgspec.json.Decoder(Combined[LiquidationMessage]).decode
    _encode = staticmethod(encoder("liquidations", *_PREPARED))

    def __call__(self, raw: bytes) -> None:
        message = self._decode(raw).data
        o, state, link = message.order, self._state, self._link
        _check_symbol(o.symbol, state)
        event_us = message.event_time * 1000
        if self._is_copy(event_us):
            return
        self._forward(
            self._encode(
                *(state.head, o.side, o.order_type, o.time_in_force, o.original_quantity, o.price),
                *(o.average_price, o.status, o.last_filled_quantity, o.filled_quantity, o.trade_time * 1000),
                *(event_us, link.received, link.connection, self._next(), LIVE),
            ),
            event_us,
        )


ROUTES: dict[str, type[Route]] = {
    "trades": TradeRoute,
    "klines": KlineRoute,
    "tickers": TickerRoute,
    "orderbook": BookRoute,
    "book_tickers": BookTickerRoute,
    "depth_updates": DepthRoute,
    "mark_price": MarkPriceRoute,
    "liquidations": LiquidationRoute,
}
"""The route of each topic."""


def _check_symbol(symbol: str, state: StreamState) -> None:
    if symbol != state.symbol:
        raise ValueError(f"symbol {symbol!r} in a stream of {state.symbol}")


def _check_levels(bids: Levels, asks: Levels) -> None:
    """Raises ValueError where a price or quantity has anything but digits and points in it."""
    texts = "".join(chain.from_iterable(chain(bids, asks)))
    if texts.encode().translate(None, _DIGITS_AND_POINT):
        raise ValueError("a price or a quantity of the book is no number")
