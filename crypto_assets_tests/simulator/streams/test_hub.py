"""Messages come when they are due, to those who asked for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crypto_assets.spans import from_us
from crypto_assets_tests.simulator.streams.conftest import NOW_US, Exchange, of_stream

COMBINED = "/stream?streams=btcusdt@trade/btcusdt@kline_1s/btcusdt@miniTicker"


def test_messages_come_in_the_order_of_their_time(exchange: Exchange) -> None:
    heard = exchange.listen(COMBINED).hear(60)
    times = [message["data"]["E"] for message in heard]
    assert times == sorted(times)
    assert len(of_stream(heard, "btcusdt@trade")) > 20


def test_subscriptions_change_while_the_connection_lives(exchange: Exchange) -> None:
    listener = exchange.listen("/stream?streams=btcusdt@miniTicker")
    assert listener.ask("SUBSCRIBE", "ethusdt@kline_1s") == {"result": None, "id": 77}
    listener.wait_for("ethusdt@kline_1s")
    assert [m["E"] - NOW_US // 1000 for m in of_stream(listener.hear(5), "ethusdt@kline_1s")][:4] == [
        1e3,
        2e3,
        3e3,
        4e3,
    ]
    assert listener.ask("UNSUBSCRIBE", "ethusdt@kline_1s")["result"] is None
    assert not of_stream(listener.hear(5), "ethusdt@kline_1s")
    assert listener.ask("LIST_SUBSCRIPTIONS")["result"] == ["btcusdt@miniTicker"]


def test_names_of_streams_come_with_messages_as_the_property_says(exchange: Exchange) -> None:
    listener = exchange.listen("/ws/btcusdt@kline_1s")
    exchange.now_us += 1_000_000
    assert listener.next()["e"] == "kline"
    listener.ask("SET_PROPERTY", "combined", True)
    exchange.now_us += 10_000_000
    heard = [listener.next() for _ in range(10)]
    assert heard[-1]["stream"] == "btcusdt@kline_1s"


def test_a_market_stream_is_silent_at_public_and_a_book_at_market(exchange: Exchange) -> None:
    names = "btcusdt@markPrice@1s/btcusdt@depth5@100ms/btcusdt@kline_1m"
    public, market = (exchange.listen(f"/{part}/stream?streams={names}") for part in ("public", "market"))
    assert public.ask("LIST_SUBSCRIPTIONS")["result"] == names.split("/")
    exchange.now_us += 10_000_000
    assert {public.next()["stream"] for _ in range(90)} == {"btcusdt@depth5@100ms"}
    assert {market.next()["stream"] for _ in range(45)} == {"btcusdt@markPrice@1s", "btcusdt@kline_1m"}


def test_unknown_streams_and_symbols_are_silent(exchange: Exchange) -> None:
    listener = exchange.listen(f"{COMBINED}/xyzusdt@miniTicker/btcusdt@jump/BTCUSDT@kline_1s")
    assert {m["stream"] for m in listener.hear(20)} <= set(COMBINED.partition("=")[2].split("/"))


def test_nothing_streams_in_a_halt_that_is_announced_while_messages_are_made_ahead(exchange: Exchange) -> None:
    listener = exchange.listen(COMBINED)
    listener.hear(2)
    start, end = NOW_US + 4_000_000, NOW_US + 64_000_000
    exchange.fault("halt", start=from_us(start).isoformat(), end=from_us(end).isoformat())
    heard = listener.hear(90)
    times = [message["data"]["E"] * 1000 for message in heard]
    assert not [time for time in times if start <= time < end]
    assert [time for time in times if time >= end]
    trades = [m["t"] for m in of_stream(heard, "btcusdt@trade")]
    assert trades == list(range(trades[0], trades[-1] + 1))


def test_published_names_the_trades_that_nobody_was_sent(exchange: Exchange) -> None:
    assert exchange.get("/simulator/published?symbol=BTCUSDT")["first_trade_id"] is None
    listener = exchange.listen(COMBINED)
    first = of_stream(listener.hear(30), "btcusdt@trade")
    listener.ask("UNSUBSCRIBE", "btcusdt@trade")
    listener.hear(60)
    listener.ask("SUBSCRIBE", "btcusdt@trade", "ethusdt@kline_1s")
    listener.wait_for("ethusdt@kline_1s")
    last = of_stream(listener.hear(30), "btcusdt@trade")
    assert exchange.get("/simulator/published?symbol=BTCUSDT") == {
        "symbol": "BTCUSDT",
        "first_trade_id": first[0]["t"],
        "last_trade_id": last[-1]["t"],
        "never": [[first[-1]["t"] + 1, last[0]["t"] - 1]],
    }


def test_two_connections_get_the_same(exchange: Exchange) -> None:
    one, two = exchange.listen(COMBINED), exchange.listen(COMBINED)
    heard = one.hear(20)
    assert [two.next() for _ in heard] == heard


@pytest.mark.parametrize("speed", [30.0])
def test_a_fast_clock_streams_every_trade_once(start: Callable[..., Exchange], speed: float) -> None:
    exchange = start(speed=speed)
    trades = of_stream(exchange.listen(COMBINED).hear(900), "btcusdt@trade")
    ids = [trade["t"] for trade in trades]
    assert ids == list(range(ids[0], ids[-1] + 1))
    assert len(ids) > 300
