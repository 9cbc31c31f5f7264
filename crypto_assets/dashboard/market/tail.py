"""The tail of what was heard of one symbol: bounded, and decoded only where it is looked at."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from crypto_assets.dashboard.market.messages import (
    Book,
    Candle,
    Liquidation,
    MarkPrice,
    Ticker,
    Trade,
    book,
    candle,
    liquidation,
    mark_price,
    ticker,
    trade,
)
from crypto_assets.errors import BadPayload
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode_key, unframed
from crypto_assets.stream.topics import KLINES, LIQUIDATIONS, MARK_PRICE, ORDERBOOK, TICKERS, TRADES, Topic

CANDLES, TRADES_KEPT, LIQUIDATIONS_KEPT = 720, 60, 40
TIMEFRAME = "1m"

log = logging.getLogger(__name__)


class Received(NamedTuple):
    """A value as Kafka holds it, and the fingerprint of its schema where it says one."""

    value: bytes
    fingerprint: bytes | None


class SymbolTail:
    """Written by the feed's thread, read by those of visitors; what cannot be read is left out, and logged."""

    def __init__(self, symbol: str) -> None:
        # values begin with the symbol, those of candles go on with the timeframe: others need not be decoded
        self._of_timeframe = encode_key(symbol) + encode_key(TIMEFRAME)
        self._lock = threading.Lock()
        self._last: dict[str, Received] = {}
        self._trades: deque[Received] = deque(maxlen=TRADES_KEPT)
        self._liquidations: deque[Received] = deque(maxlen=LIQUIDATIONS_KEPT)
        self._candles: OrderedDict[datetime, Candle] = OrderedDict()

    def take(self, topic: Topic, received: Received) -> None:
        """Keep a message of the symbol."""
        if topic is KLINES:
            self._take_candle(received)
            return
        with self._lock:
            if topic is TRADES:
                self._trades.append(received)
            elif topic is LIQUIDATIONS:
                self._liquidations.append(received)
            else:
                self._last[topic.name] = received

    def forget(self, topic: Topic) -> None:
        """Drop what would be heard twice when a topic is read again."""
        with self._lock:
            if topic is TRADES:
                self._trades.clear()
            elif topic is LIQUIDATIONS:
                self._liquidations.clear()

    @property
    def ticker(self) -> Ticker | None:
        """The newest; None before the first, or where it cannot be read. So are book and mark price."""
        return _one(TICKERS, ticker, self._last.get(TICKERS.name))

    @property
    def book(self) -> Book | None:
        """The newest snapshot."""
        return _one(ORDERBOOK, book, self._last.get(ORDERBOOK.name))

    @property
    def mark(self) -> MarkPrice | None:
        """The newest of the perpetual."""
        return _one(MARK_PRICE, mark_price, self._last.get(MARK_PRICE.name))

    @property
    def candles(self) -> tuple[Candle, ...]:
        """Of one minute, ascending; the last one may still grow."""
        with self._lock:
            return tuple(self._candles.values())

    def trades(self, count: int) -> tuple[Trade, ...]:
        """So many at most, the newest first."""
        return self._newest(TRADES, trade, self._trades, count)

    def liquidations(self, count: int) -> tuple[Liquidation, ...]:
        """So many at most, the newest first."""
        return self._newest(LIQUIDATIONS, liquidation, self._liquidations, count)

    def _newest[T](
        self, topic: Topic, read: Callable[[dict[str, Any]], T], held: deque[Received], count: int
    ) -> tuple[T, ...]:
        with self._lock:
            messages = tuple(islice(reversed(held), count))
        found = (_one(topic, read, received) for received in messages)
        return tuple(one for one in found if one is not None)

    def _take_candle(self, received: Received) -> None:
        if not unframed(received.value).startswith(self._of_timeframe):
            return
        found = _one(KLINES, candle, received)
        if found is None:
            return
        with self._lock:
            held = self._candles.get(found.open_time)
            if held is not None and held.is_closed and not found.is_closed:
                return  # said again by another connection
            is_newest = not self._candles or found.open_time >= next(reversed(self._candles))
            self._candles[found.open_time] = found
            if not is_newest:
                self._candles = OrderedDict(sorted(self._candles.items()))
            while len(self._candles) > CANDLES:
                self._candles.popitem(last=False)


def _one[T](topic: Topic, read: Callable[[dict[str, Any]], T], received: Received | None) -> T | None:
    if received is None:
        return None
    headers = [(FINGERPRINT_HEADER, received.fingerprint)] if received.fingerprint else None
    try:
        return read(decode(topic.name, received.value, headers))
    except (BadPayload, ValueError) as error:
        log.warning("a message of %s is left out: %s", topic.name, error)
        return None
