"""Who makes rows of the messages of trades, mark prices and liquidations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import msgspec

from crypto_assets.binance.capture.messages import ForceOrder, Framed, MarkPrice, StreamKind, Trade
from crypto_assets.binance.capture.reading import Reading, micros
from crypto_assets.binance.capture.rows import EventRows, Line, RejectedLines
from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.quote_quantity import with_quote_quantity
from crypto_assets.schemas import BRONZE_LIQUIDATIONS, BRONZE_MARK_PRICE, BRONZE_TRADES, Dataset
from crypto_assets.spans import DAY_US

Take = Callable[[bytes, Line], None]
"""Takes the JSON of a line, frame included."""

TRADE_OF_THE_BOOK = "MARKET"
MAX_FUNDING_INTERVAL_US = 7 * DAY_US

# Not strict: some numbers stand in quotes on the wire.
_TRADE = msgspec.json.Decoder(Framed[Trade], strict=False)
_MARK_PRICE = msgspec.json.Decoder(Framed[MarkPrice], strict=False)
_FORCE_ORDER = msgspec.json.Decoder(Framed[ForceOrder], strict=False)


class Taker(ABC):
    """Makes the rows of one dataset."""

    by_time_known = True
    """Whether its rows need the recorder's clock."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.rejected = RejectedLines()

    @property
    @abstractmethod
    def takes(self) -> Mapping[StreamKind, Take]:
        """The kinds of streams that it reads, and what to call with a message."""

    @abstractmethod
    def parsed(self) -> Parsed:
        """All rows so far with `received_at`, and the rejected lines."""


class _EventTaker(Taker):
    """Of one kind of stream, each of whose messages becomes a row at most."""

    kind: ClassVar[StreamKind]
    dataset: ClassVar[Dataset]

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._rows = EventRows(self.dataset, self.dataset.payload.names, rejected=self.rejected)

    @property
    def takes(self) -> Mapping[StreamKind, Take]:
        return {self.kind: self._take}

    def parsed(self) -> Parsed:
        return self._rows.parsed()

    @abstractmethod
    def _take(self, body: bytes, line: Line) -> None: ...


class TradeTaker(_EventTaker):
    """Rows of BRONZE_TRADES, by the time of the match."""

    kind, dataset, by_time_known = StreamKind.TRADE, BRONZE_TRADES, False

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        names = [name for name in self.dataset.payload.names if name != "quote_quantity"]
        self._rows = EventRows(self.dataset, names, rejected=self.rejected, derive=with_quote_quantity)

    def _take(self, body: bytes, line: Line) -> None:
        trade = self._reading.message(_TRADE, body, line, self.rejected)
        if trade is None:
            return
        time_us = self._reading.own_time_us(trade.trade_time, trade.event_time, line, self.rejected)
        if time_us is None:
            return
        if trade.kind != TRADE_OF_THE_BOOK:
            self._reading.skipped[f"trade {trade.kind}"] += 1
            return
        self._rows.add(line, time_us, trade.trade_id, trade.price, trade.quantity, trade.is_buyer_maker)


class MarkPriceTaker(_EventTaker):
    """Rows of BRONZE_MARK_PRICE, by the time they were known."""

    kind, dataset = StreamKind.MARK_PRICE, BRONZE_MARK_PRICE

    def _take(self, body: bytes, line: Line) -> None:
        mark = self._reading.message(_MARK_PRICE, body, line, self.rejected)
        if mark is None:
            return
        event_us = self._reading.event_us(mark.event_time, line, self.rejected)
        if event_us is None:
            return
        if mark.next_funding_time and abs(micros(mark.next_funding_time) - event_us) > MAX_FUNDING_INTERVAL_US:
            self._reading.reject(line, "the next funding time is more than a week away", self.rejected)
        else:
            self._reading.wait(self._settle, mark, event_us=event_us, line=line)

    def _settle(self, mark: MarkPrice, *, known_us: int, line: Line) -> None:
        if self._reading.covers(known_us):
            next_us = micros(mark.next_funding_time) or None
            self._rows.add(line, known_us, mark.mark_price, mark.index_price, mark.estimated_funding_rate, next_us)


class LiquidationTaker(_EventTaker):
    """Rows of BRONZE_LIQUIDATIONS, by the time of the order; `received_at` says when it was known."""

    kind, dataset, by_time_known = StreamKind.FORCE_ORDER, BRONZE_LIQUIDATIONS, False

    def _take(self, body: bytes, line: Line) -> None:
        event = self._reading.message(_FORCE_ORDER, body, line, self.rejected)
        if event is None or event.order.symbol != self._reading.symbol:
            return
        order = event.order
        time_us = self._reading.own_time_us(order.order_time, event.event_time, line, self.rejected)
        if time_us is None:
            return
        amounts = (order.price, order.average_price, order.original_quantity, order.filled_quantity)
        self._rows.add(line, time_us, order.side, *amounts, order.status)
