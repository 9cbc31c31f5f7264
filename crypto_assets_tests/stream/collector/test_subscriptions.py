"""What is subscribed to, and over which connections."""

from __future__ import annotations

import pytest

from crypto_assets.endpoints import ExchangeUrls
from crypto_assets.errors import ConfigurationError
from crypto_assets.stream.collector.subscriptions import DEFAULT, KINDS, MOST_STREAMS, choose_kinds, plan_connections

URLS = ExchangeUrls("", "", "", "wss://spot.example", "wss://futures.example/", None)


def test_streams_that_break_apart_are_connected_apart() -> None:
    plans = plan_connections(["BTCUSDT"], DEFAULT)
    assert {plan.name: [stream.name for stream in plan.streams] for plan in plans} == {
        "trades": ["btcusdt@trade", *(f"btcusdt@kline_{t}" for t in ("1s", "1m", "5m", "15m"))],
        "tickers": ["btcusdt@ticker"],
        "books": ["btcusdt@depth10@100ms"],
        "futures": ["btcusdt@markPrice@1s", "btcusdt@forceOrder"],
    }


def test_spot_is_asked_at_stream_and_the_perpetual_at_market() -> None:
    urls = {plan.name: plan.url(URLS) for plan in plan_connections(["BTCUSDT", "ETHUSDT"], DEFAULT)}
    assert urls["tickers"] == "wss://spot.example/stream?streams=btcusdt@ticker/ethusdt@ticker"
    assert urls["futures"].startswith("wss://futures.example/market/stream?streams=btcusdt@markPrice@1s/")


def test_many_symbols_are_spread_over_connections() -> None:
    symbols = [f"S{number}USDT" for number in range(MOST_STREAMS + 1)]
    plans = plan_connections(symbols, choose_kinds(["ticker"]))
    assert [(plan.name, len(plan.streams)) for plan in plans] == [("tickers-1", MOST_STREAMS), ("tickers-2", 1)]


def test_an_unknown_stream_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"No stream trades: there are trade, .*bookTicker"):
        choose_kinds(["trades"])
    assert choose_kinds(["trade", "trade"]) == (KINDS["trade"],)
