"""Messages of every kind as the exchange sends them, and what must become of each."""

from __future__ import annotations

from typing import Any

T0 = 1_768_824_000_000
TRADE = "btcusdt@trade"
BOOK = "btcusdt@depth10@100ms"
KLINE = "btcusdt@kline_1m"
TICKER = "btcusdt@ticker"


def trade(number: int, **changes: object) -> dict[str, Any]:
    at = T0 + number * 10
    fields = {"e": "trade", "E": at + 3, "s": "BTCUSDT", "t": number, "p": "66325.70000000", "q": "0.00839000"}
    return {**fields, "T": at, "m": True, "M": True, **changes}


def rest_trade(number: int) -> dict[str, Any]:
    """As REST gives what `trade` is in the stream."""
    fields = {"id": number, "price": "66325.7", "qty": "0.0083900", "quoteQty": "1"}
    return {**fields, "time": T0 + number * 10, "isBuyerMaker": True, "isBestMatch": True}


def book(update: int) -> dict[str, Any]:
    return {"lastUpdateId": update, "bids": [["1.50", "2.0"]] * 10, "asks": [["1.60", "3"]] * 10}


def kline(minute: int, *, closed: bool) -> dict[str, Any]:
    opened = T0 + minute * 60_000
    amounts = dict.fromkeys(("o", "c", "h", "l", "v", "q", "V", "Q"), "1.0")
    candle = {"t": opened, "T": opened + 59_999, "s": "BTCUSDT", "i": "1m", "f": 1, "L": 2, "n": 2, "x": closed}
    return {"e": "kline", "E": opened + 59_999, "s": "BTCUSDT", "k": {**candle, **amounts, "B": "0"}}


MESSAGES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "trades": ("trade", TRADE, trade(5), {"trade_id": 5, "price": "66325.70000000", "quantity": "0.00839000"}),
    "klines": ("kline_1m", KLINE, kline(0, closed=True), {"timeframe": "1m", "closed": True, "count": 2}),
    "orderbook": ("depth10@100ms", BOOK, book(9), {"last_update_id": 9, "bids": [["1.50", "2.0"]] * 10}),
    "book_tickers": (
        "bookTicker",
        "btcusdt@bookTicker",
        {"u": 4, "s": "BTCUSDT", "b": "25.350", "B": "31.2", "a": "25.36", "A": "40.6"},
        {"update_id": 4, "bid_price": "25.350", "event_time": None},
    ),
    "depth_updates": (
        "depth@100ms",
        "btcusdt@depth@100ms",
        {"e": "depthUpdate", "E": T0, "s": "BTCUSDT", "U": 1, "u": 3, "b": [], "a": [["0.0026", "0"]]},
        {"first_update_id": 1, "last_update_id": 3, "bids": [], "asks": [["0.0026", "0"]]},
    ),
    "mark_price": (
        "markPrice@1s",
        "btcusdt@markPrice@1s",
        {"e": "markPriceUpdate", "E": T0, "s": "BTCUSDT", "p": "11794.15000000", "i": "1", "P": "2", "r": "-0.0003"}
        | {"ap": "1", "T": T0, "st": 1},
        {"mark_price": "11794.15000000", "funding_rate": "-0.0003"},
    ),
    "liquidations": (
        "forceOrder",
        "btcusdt@forceOrder",
        {
            "e": "forceOrder",
            "E": T0,
            "o": {"s": "BTCUSDT", "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "0.014"}
            | {"p": "9910", "ap": "9910", "X": "FILLED", "l": "0.014", "z": "0.014", "T": T0},
        },
        {"side": "SELL", "filled_quantity": "0.014", "status": "FILLED"},
    ),
    "tickers": (
        "ticker",
        TICKER,
        {"e": "24hrTicker", "E": T0, "s": "BTCUSDT", "p": "-0.0015", "P": "250.00", "w": "0.0018", "x": "0.0009"}
        | {"c": "0.0025", "Q": "10", "b": "0.0024", "B": "10", "a": "0.0026", "A": "100", "o": "0.0010"}
        | {"h": "0.0025", "l": "0.0010", "v": "10000", "q": "18", "O": 0, "C": T0, "F": 0, "L": 18150, "n": 18151},
        {"price_change": "-0.0015", "last_price": "0.0025", "last_trade_id": 18150},
    ),
}
"""By topic: the kind, the stream, what it sends, and fields of the record that becomes of it."""


def ticker(second: int) -> dict[str, Any]:
    """The ticker of a second after T0."""
    return {**MESSAGES["tickers"][2], "E": T0 + second * 1_000}
