"""How long a connection lives and what ends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from crypto_assets.simulator.streams.limits import StreamLimits
from crypto_assets_tests.simulator.streams.conftest import NOW_US, Exchange, Listener

type Start = Callable[..., Exchange]


@pytest.mark.parametrize(("path", "allowed"), [("/ws", 5), ("/market/ws", 10)])
def test_a_client_that_talks_too_much_is_disconnected(exchange: Exchange, path: str, allowed: int) -> None:
    listener = exchange.listen(path)
    for number in range(1, allowed):
        listener.socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        assert listener.next()["id"] == number
    listener.socket.send("{")
    assert listener.to_end()[1] == (1008, "Too many requests")


def test_pings_of_the_client_count_as_messages(exchange: Exchange) -> None:
    listener = exchange.listen("/ws")
    for _ in range(5):
        listener.socket.ping()
    assert listener.to_end()[1] == (1008, "Too many requests")


def test_more_streams_than_allowed_are_refused(start: Start) -> None:
    exchange = start(stream_limits=StreamLimits(streams=2))
    with pytest.raises(InvalidStatus, match="400"), connect(f"{exchange.url}/stream?streams=a@trade/b@trade/c@trade"):
        pass
    listener = exchange.listen("/stream?streams=a@trade/b@trade")
    assert listener.ask("SUBSCRIBE", "c@trade") == {"code": 2, "msg": "Invalid request: too many parameters"}


def test_too_many_connections_and_other_addresses_are_refused(start: Start) -> None:
    exchange = start(stream_limits=StreamLimits(connections=2))
    exchange.listen("/ws")
    with pytest.raises(InvalidStatus, match="404"), connect(f"{exchange.url}/private/ws"):
        pass
    with pytest.raises(InvalidStatus, match="429"), connect(f"{exchange.url}/ws"):
        pass


def test_the_server_pings_with_its_time_and_leaves_a_client_that_answers(start: Start) -> None:
    exchange = start(stream_limits=StreamLimits(spot_ping_s=0.05, spot_pong_s=0.5, spot_messages=10**6))
    listener = exchange.listen("/ws")
    seen: list[bytes] = []
    watch_pings(listener, seen, answer=True)
    while len(seen) < 20:
        with pytest.raises(TimeoutError):
            listener.socket.recv(timeout=0.05)
    assert seen[:2] == [f"{NOW_US // 1000}.{number}".encode() for number in (0, 1)]
    assert listener.ask("LIST_SUBSCRIPTIONS")["result"] == []


def test_a_client_that_answers_no_ping_is_disconnected(start: Start) -> None:
    exchange = start(stream_limits=StreamLimits(spot_ping_s=0.05, spot_pong_s=0.2))
    listener = exchange.listen("/ws")
    watch_pings(listener, [], answer=False)
    assert listener.to_end()[1] == (1008, "Pong timeout")


def watch_pings(listener: Listener, seen: list[bytes], *, answer: bool) -> None:
    """Note the payload of each ping that comes, and answer it or not."""
    protocol: Any = listener.socket.protocol
    receive = protocol.recv_frame

    def watched(frame: Frame) -> None:
        if frame.opcode is Opcode.PING:
            seen.append(bytes(frame.data))
        if answer or frame.opcode is not Opcode.PING:
            receive(frame)

    protocol.recv_frame = watched


def test_an_old_connection_is_told_and_then_cut(start: Start) -> None:
    exchange = start(stream_limits=StreamLimits(life_s=0.5))
    spot, raw, futures = (exchange.listen(path) for path in ("/stream", "/ws", "/market/stream"))
    assert spot.next() == {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": NOW_US // 1000}}
    assert raw.next() == {"e": "serverShutdown", "E": NOW_US // 1000}
    for listener in (spot, raw, futures):
        assert (listener.to_end()[1] or (0,))[0] == 1001


def test_a_client_that_does_not_read_is_cut_off_and_holds_up_nobody(start: Start) -> None:
    exchange = start(speed=100.0, stream_limits=StreamLimits(outbox_bytes=200_000))
    names = "btcusdt@depth20@100ms/btcusdt@depth@100ms"
    reader = exchange.listen("/stream?streams=btcusdt@miniTicker")
    with connect(f"{exchange.url}/stream?streams={names}", compression=None, max_queue=1) as slow:
        for _ in range(10):
            reader.hear(60)
        assert Listener(exchange, slow).to_end()[1] is None
