"""Spot REST of the market's state: rules, book and tickers."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from crypto_assets_tests.simulator.conftest import NOW, Start

NOW_MS = int(NOW.timestamp() * 1000)


def test_exchange_info_lists_symbols_with_ticks_and_the_weight_limit(exchange: TestClient) -> None:
    info = exchange.get("/api/v3/exchangeInfo").json()
    assert [entry["symbol"] for entry in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert info["rateLimits"][0] == {
        "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000,
    }  # fmt: skip
    bitcoin = info["symbols"][0]
    assert (bitcoin["status"], bitcoin["baseAsset"], bitcoin["quoteAsset"]) == ("TRADING", "BTC", "USDT")
    filters = {entry["filterType"]: entry for entry in bitcoin["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"


def test_exchange_info_of_chosen_symbols(exchange: TestClient) -> None:
    chosen = exchange.get("/api/v3/exchangeInfo", params={"symbols": json.dumps(["ETHUSDT"])}).json()
    assert [entry["symbol"] for entry in chosen["symbols"]] == ["ETHUSDT"]
    single = exchange.get("/api/v3/exchangeInfo", params={"symbol": "BTCUSDT"}).json()
    assert [entry["symbol"] for entry in single["symbols"]] == ["BTCUSDT"]


def test_exchange_info_says_that_a_symbol_is_halted(start: Start) -> None:
    client = start()
    halt = {"action": "halt", "start": "2025-01-03T05:00:00Z", "end": "2025-01-03T07:00:00Z", "symbol": "BTCUSDT"}
    client.post("/simulator/faults", json=halt)
    statuses = {e["symbol"]: e["status"] for e in client.get("/api/v3/exchangeInfo").json()["symbols"]}
    assert statuses == {"BTCUSDT": "HALT", "ETHUSDT": "TRADING"}


def test_the_book_brackets_the_last_trade(exchange: TestClient) -> None:
    book = exchange.get("/api/v3/depth", params={"symbol": "BTCUSDT"}).json()
    (trade,) = exchange.get("/api/v3/trades", params={"symbol": "BTCUSDT", "limit": 1}).json()
    assert list(book) == ["lastUpdateId", "bids", "asks"]
    assert (len(book["bids"]), len(book["asks"])) == (100, 100)
    bids, asks = ([Decimal(price) for price, _ in book[side]] for side in ("bids", "asks"))
    assert bids[0] <= Decimal(trade["price"]) <= asks[0]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)


@pytest.mark.parametrize(("limit", "weight"), [(5, 5), (100, 5), (101, 25), (1000, 50), (5000, 250)])
def test_a_deeper_book_weighs_more(exchange: TestClient, limit: int, weight: int) -> None:
    answer = exchange.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": limit})
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)
    assert len(answer.json()["bids"]) == limit


def test_the_ticker_agrees_with_trades_and_book(exchange: TestClient) -> None:
    ticker = exchange.get("/api/v3/ticker/24hr", params={"symbol": "BTCUSDT"}).json()
    book = exchange.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 1}).json()
    (trade,) = exchange.get("/api/v3/trades", params={"symbol": "BTCUSDT", "limit": 1}).json()
    assert [ticker["bidPrice"], ticker["bidQty"]] == book["bids"][0]
    assert [ticker["askPrice"], ticker["askQty"]] == book["asks"][0]
    assert (ticker["lastPrice"], ticker["lastQty"], ticker["lastId"]) == (trade["price"], trade["qty"], trade["id"])
    assert ticker["count"] == ticker["lastId"] - ticker["firstId"] + 1
    assert Decimal(ticker["lastPrice"]) - Decimal(ticker["openPrice"]) == Decimal(ticker["priceChange"])


def test_the_short_ticker_leaves_the_book_out(exchange: TestClient) -> None:
    mini = exchange.get("/api/v3/ticker/24hr", params={"symbol": "BTCUSDT", "type": "MINI"}).json()
    assert list(mini) == [
        "symbol", "lastPrice", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume", "openTime", "closeTime",
        "firstId", "lastId", "count",
    ]  # fmt: skip


def test_tickers_of_all_symbols_are_a_list_and_weigh_more(exchange: TestClient) -> None:
    every = exchange.get("/api/v3/ticker/24hr")
    assert [row["symbol"] for row in every.json()] == ["BTCUSDT", "ETHUSDT"]
    assert every.headers["X-MBX-USED-WEIGHT-1M"] == "80"
    prices = exchange.get("/api/v3/ticker/price").json()
    assert [row["price"] for row in prices] == [row["lastPrice"] for row in every.json()]
    best = exchange.get("/api/v3/ticker/bookTicker", params={"symbols": '["BTCUSDT"]'}).json()
    assert list(best[0]) == ["symbol", "bidPrice", "bidQty", "askPrice", "askQty"]
