"""Connections that are cut, slowed or told to go."""

from __future__ import annotations

from crypto_assets_tests.simulator.streams.conftest import NOW_US, Exchange, of_stream

SPOT = "/stream?streams=btcusdt@kline_1s/btcusdt@miniTicker"


def test_connections_that_are_open_are_cut_once(exchange: Exchange) -> None:
    spot, futures = exchange.listen(SPOT), exchange.listen("/market/stream?streams=btcusdt@markPrice@1s")
    exchange.fault("disconnect", venue="spot")
    assert spot.to_end()[1] is None
    assert exchange.listen(SPOT).hear(5)
    assert futures.next()["stream"] == "btcusdt@markPrice@1s"


def test_only_connections_that_have_the_stream_are_cut(exchange: Exchange) -> None:
    one, two = exchange.listen(SPOT), exchange.listen("/stream?streams=ethusdt@trade/btcusdt@miniTicker")
    exchange.fault("disconnect", stream="*@kline_*")
    assert one.to_end()[1] is None
    assert two.hear(5)


def test_a_connection_is_cut_after_so_many_messages(exchange: Exchange) -> None:
    exchange.fault("disconnect", stream="*@kline_1s", after_messages=4, times=1)
    listener = exchange.listen(SPOT)
    exchange.now_us = NOW_US + 20_000_000
    heard, _ = listener.to_end()
    assert len(of_stream(heard, "btcusdt@kline_1s")) == 4
    assert len(of_stream(exchange.listen(SPOT).hear(20), "btcusdt@kline_1s")) == 21


def test_trades_that_a_cut_kept_back_were_never_published(exchange: Exchange) -> None:
    path = "/stream?streams=btcusdt@trade/btcusdt@miniTicker"
    exchange.fault("disconnect", stream="*@trade", after_messages=3, times=1)
    listener = exchange.listen(path)
    exchange.now_us = NOW_US + 60_000_000
    assert listener.to_end()[1] is None
    told = exchange.get("/simulator/published?symbol=BTCUSDT")
    assert told["last_trade_id"] == told["first_trade_id"] + 2
    later = of_stream(exchange.listen(path).hear(30), "btcusdt@trade")
    never = exchange.get("/simulator/published?symbol=BTCUSDT")["never"]
    assert never == [[told["last_trade_id"] + 1, later[0]["t"] - 1]]


def test_a_slow_server_takes_its_time(exchange: Exchange) -> None:
    listener = exchange.listen(SPOT)
    exchange.fault("slow_stream_server", stream="*@kline_1s", messages_per_second=20, times=10)
    assert len(of_stream(listener.hear(20), "btcusdt@kline_1s")) == 21
    assert exchange.get("/simulator/faults")["faults"][0]["acted"] == 10


def test_a_shutdown_is_announced_on_spot_and_then_happens(exchange: Exchange) -> None:
    spot, futures = exchange.listen(SPOT), exchange.listen("/market/stream?streams=btcusdt@kline_1m")
    exchange.fault("server_shutdown", notice_s=0.1)
    heard, closed = spot.to_end()
    assert [m["data"]["e"] for m in heard if m["stream"] == "!serverShutdown"] == ["serverShutdown"]
    assert closed == (1001, "the server goes away")
    heard, closed = futures.to_end()
    assert "!serverShutdown" not in {m["stream"] for m in heard}
    assert closed == (1001, "the server goes away")
    assert exchange.listen(SPOT).hear(5)
