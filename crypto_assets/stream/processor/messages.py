"""What the processor reads: tickers and trades out of Kafka messages, and why the others are none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crypto_assets.errors import BadPayload
from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode
from crypto_assets.stream.topics import TICKERS, TRADES

EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No event of the exchange lies outside; a wrong clock would make partitions for days that never were."""
TOO_MUCH = Decimal(10) ** 14
"""Amounts stay below, so that price times quantity, and every rate, fits its column."""
LONGEST_SYMBOL = 40
SOURCES = ("live", "rest")
_AMOUNT = re.compile(r"\d{1,20}(?:\.\d{1,8})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it lies in Kafka."""

    topic: str
    """Name within the exchange: `tickers` or `trades`."""
    partition: int
    offset: int
    timestamp_us: int
    """When the collector received it, to the millisecond."""
    value: bytes | None
    fingerprint: bytes | None
    """Of the schema that it was written with; None where no header says."""


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last price of a symbol, as one ticker says it."""

    symbol: str
    event_time: datetime
    event_us: int
    price: Decimal
    received_at: datetime
    partition: int
    offset: int

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it stands among the tickers of its symbol: by event, and what is of one moment by arrival."""
        return self.event_us, self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade, live or repaired from REST."""

    symbol: str
    trade_id: int
    trade_time: datetime
    trade_us: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool
    source: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that cannot be used."""

    message: Message
    reason: str


@dataclass(slots=True)
class Batch:
    """Messages of one micro-batch, sorted out; tickers in the order of their offsets."""

    tickers: list[Ticker] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def sort_out(messages: Iterable[Message]) -> Batch:
    """What the messages say; one that cannot be used is kept with the reason, and costs no other."""
    batch = Batch()
    for message in messages:
        try:
            if message.topic == TICKERS.name:
                batch.tickers.append(parse_ticker(message))
            else:
                batch.trades.append(parse_trade(message))
        except BadPayload as error:
            batch.rejected.append(Rejected(message, str(error)))
    batch.tickers.sort(key=lambda ticker: (ticker.partition, ticker.offset))
    return batch


def parse_ticker(message: Message) -> Ticker:
    """The ticker of a message of topic `tickers`; raises BadPayload."""
    record = _record(message, TICKERS.name)
    event_time = _moment(record, "event_time")
    return Ticker(
        symbol=_symbol(record),
        event_time=event_time,
        event_us=to_us(event_time),
        price=_amount(record, "last_price"),
        received_at=_moment(record, "received_at"),
        partition=message.partition,
        offset=message.offset,
    )


def parse_trade(message: Message) -> Trade:
    """The trade of a message of topic `trades`; raises BadPayload."""
    record = _record(message, TRADES.name)
    trade_time, price, quantity = _moment(record, "trade_time"), _amount(record, "price"), _amount(record, "quantity")
    if price * quantity >= TOO_MUCH:
        raise BadPayload(f"trades: price {price} times quantity {quantity} is more than can be kept")
    return Trade(
        symbol=_symbol(record),
        trade_id=record["trade_id"],
        trade_time=trade_time,
        trade_us=to_us(trade_time),
        price=price,
        quantity=quantity,
        is_buyer_maker=record["is_buyer_maker"],
        source=_source(record),
        received_at=_moment(record, "received_at"),
    )


def _record(message: Message, schema: str) -> Mapping[str, Any]:
    if message.value is None:
        raise BadPayload(f"{schema}: a message without a value")
    headers = [] if message.fingerprint is None else [(FINGERPRINT_HEADER, message.fingerprint)]
    return decode(schema, message.value, headers)


def _symbol(record: Mapping[str, Any]) -> str:
    symbol: str = record["symbol"]
    if not (0 < len(symbol) <= LONGEST_SYMBOL and symbol.isprintable()):
        raise BadPayload(f"symbol: {symbol[:60]!r} is none")
    return symbol


def _source(record: Mapping[str, Any]) -> str:
    source: str = record["source"]
    if source not in SOURCES:
        raise BadPayload(f"source: {source[:60]!r} is none of {', '.join(SOURCES)}")
    return source


def _amount(record: Mapping[str, Any], name: str) -> Decimal:
    """An amount as the exchange printed it, at most eight decimals: PostgreSQL would round others silently."""
    text: str = record[name]
    if not _AMOUNT.fullmatch(text) or (amount := Decimal(text)) >= TOO_MUCH:
        raise BadPayload(f"{name}: {text[:60]!r} is no amount of at most 14 digits and 8 decimals")
    return amount


def _moment(record: Mapping[str, Any], name: str) -> datetime:
    moment: datetime | None = record[name]
    if moment is None or not EARLIEST <= moment < LATEST:
        raise BadPayload(f"{name}: {moment} is no time between {EARLIEST:%Y} and {LATEST:%Y}")
    return moment


type Columns = Mapping[str, list[Any]]


def from_columns(columns: Columns, *, topic_name: Callable[[str], str]) -> list[Message]:
    """Messages of a batch's columns topic, partition, offset, timestamp_us, value and fingerprint."""
    names = ("topic", "partition", "offset", "timestamp_us", "value", "fingerprint")
    return [Message(topic_name(topic), *rest) for topic, *rest in zip(*(columns[name] for name in names), strict=True)]
