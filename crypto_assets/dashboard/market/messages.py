"""Messages of the live topics as a visitor sees them: floats, for they are drawn and not reckoned with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "EUR", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB")
"""Assets that symbols end in."""


@dataclass(frozen=True, slots=True)
class Ticker:
    """Statistics of the 24 hours before."""

    price: float
    """Of the last trade, quote asset."""
    change: float
    """Share of one, over 24 hours."""
    high: float
    low: float
    quote_volume: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Candle:
    """A candle of one minute; prices in the quote asset, volume in the base asset."""

    open_time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    """None where only prices are known."""
    is_closed: bool = True


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade of the spot market."""

    at: datetime
    price: float
    quantity: float
    taker: Literal["buys", "sells"]


@dataclass(frozen=True, slots=True)
class Liquidation:
    """A position of the perpetual that the exchange closed."""

    at: datetime
    closed: Literal["long", "short"]
    price: float
    """Average of what was filled, or the limit."""
    quantity: float


@dataclass(frozen=True, slots=True)
class Book:
    """The best levels of the spot order book: price and base quantity, best first."""

    at: datetime
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]

    @property
    def imbalance(self) -> float | None:
        """(bid - ask) / (bid + ask) of the quantities of all levels: 1 only bids, -1 only asks; None without any."""
        bid, ask = sum(q for _, q in self.bids), sum(q for _, q in self.asks)
        return (bid - ask) / (bid + ask) if bid + ask > 0 else None

    @property
    def spread_bps(self) -> float | None:
        """Best ask less best bid over their middle, in basis points; None where a side is empty."""
        if not self.bids or not self.asks:
            return None
        bid, ask = self.bids[0][0], self.asks[0][0]
        return 2e4 * (ask - bid) / (ask + bid)


@dataclass(frozen=True, slots=True)
class MarkPrice:
    """Prices of the perpetual and the running estimate of its next funding."""

    at: datetime
    mark: float
    index: float
    funding_rate: float
    """Share of the position's value that longs pay shorts."""
    next_funding: datetime | None


def ticker(record: dict[str, Any]) -> Ticker:
    """Of a message of `tickers`; raises ValueError where a figure is none."""
    return Ticker(
        price=float(record["last_price"]),
        change=float(record["price_change_percent"]) / 100,
        high=float(record["high_price"]),
        low=float(record["low_price"]),
        quote_volume=float(record["quote_volume"]),
        at=_when(record),
    )


def candle(record: dict[str, Any]) -> Candle:
    """Of a message of `klines`; raises ValueError likewise."""
    return Candle(
        open_time=record["open_time"],
        open=float(record["open"]),
        high=float(record["high"]),
        low=float(record["low"]),
        close=float(record["close"]),
        volume=float(record["volume"]),
        is_closed=bool(record["closed"]),
    )


def trade(record: dict[str, Any]) -> Trade:
    """Of a message of `trades`; raises ValueError likewise."""
    taker = "sells" if record["is_buyer_maker"] else "buys"
    return Trade(record["trade_time"], float(record["price"]), float(record["quantity"]), taker)


def liquidation(record: dict[str, Any]) -> Liquidation:
    """Of a message of `liquidations`; raises ValueError likewise."""
    price = float(record["average_price"]) or float(record["price"])
    closed = "long" if record["side"] == "SELL" else "short"
    return Liquidation(record["trade_time"], closed, price, float(record["original_quantity"]))


def book(record: dict[str, Any]) -> Book:
    """Of a message of `orderbook`; raises ValueError likewise."""
    return Book(_when(record), _levels(record["bids"]), _levels(record["asks"]))


def mark_price(record: dict[str, Any]) -> MarkPrice:
    """Of a message of `mark_price`; raises ValueError likewise."""
    next_funding: datetime = record["next_funding_time"]
    return MarkPrice(
        at=_when(record),
        mark=float(record["mark_price"]),
        index=float(record["index_price"]),
        funding_rate=float(record["funding_rate"] or 0),
        next_funding=next_funding if next_funding.timestamp() > 0 else None,  # a contract without funding says 0
    )


def assets_of(symbol: str) -> tuple[str, str]:
    """What is traded and what it is paid with, by the end of the symbol's name; in words where no end is known.

    >>> assets_of("BTCUSDT")
    ('BTC', 'USDT')
    """
    for quote in QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    return "base asset", "quote asset"


def _levels(side: Sequence[Sequence[str]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(price), float(quantity)) for price, quantity in side)


def _when(record: dict[str, Any]) -> datetime:
    """When the exchange sent it, else when it was received."""
    return record["event_time"] or record["received_at"]
