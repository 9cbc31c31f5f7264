"""An exchange whose clock the test moves, and clients of its streams over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from crypto_assets.simulator.app import create_app
from crypto_assets.simulator.clock import Clock
from crypto_assets.simulator.options import SimulatorOptions
from crypto_assets.spans import to_us

NOW = datetime(2025, 1, 3, 6, 0, 30, tzinfo=UTC)
NOW_US = to_us(NOW)
PATIENCE_S = 30.0

type Message = dict[str, Any]


@dataclass
class Exchange:
    """A running exchange; its clock stands still until the test moves it."""

    now_us: int
    client: TestClient
    stack: ExitStack

    @property
    def url(self) -> str:
        return self.get("/health")["streams"]

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, action: str, **fields: object) -> int:
        answer = self.client.post("/simulator/faults", json={"action": action, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["ids"][0]

    def listen(self, path: str) -> Listener:
        """A connection whose subscriptions are in force when this returns."""
        socket = self.stack.enter_context(connect(self.url + path, compression=None, max_size=2**24, max_queue=None))
        listener = Listener(self, socket)
        listener.ask("LIST_SUBSCRIPTIONS")
        return listener


@dataclass
class Listener:
    """A client; `heard` is all that came, in order."""

    exchange: Exchange
    socket: ClientConnection

    def next(self) -> Message:
        return json.loads(self.socket.recv(timeout=PATIENCE_S))

    def wait_for(self, stream: str) -> None:
        """Returns with a message of a stream that was just subscribed to; those before it are lost."""
        while self.next().get("stream") != stream:
            pass

    def to_end(self) -> tuple[list[Message], tuple[int, str] | None]:
        """All messages until the connection ends; close code and reason, None where it ended without a word."""
        heard: list[Message] = []
        try:
            while True:
                heard.append(self.next())
        except ConnectionClosed as closed:
            return heard, (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else None

    def ask(self, method: str, *params: object) -> Any:
        """The answer to a request; streams' messages before it are lost."""
        request: Message = {"method": method, "id": 77}
        if params:
            request["params"] = list(params)
        self.socket.send(json.dumps(request))
        while True:
            answer = self.next()
            if "id" in answer or "code" in answer:
                return answer

    def hear(self, seconds: float, *, marker: str = "btcusdt@miniTicker") -> list[Message]:
        """All messages until the clock is so many whole seconds further; the marker, which must be subscribed to, too.

        The marker is a stream with a message at the second where the clock then stands.
        """
        target_us = self.exchange.now_us + int(seconds * 1e6)
        self.exchange.now_us = target_us
        heard: list[Message] = []
        while True:
            message = self.next()
            heard.append(message)
            if message.get("stream") == marker and message["data"]["E"] * 1000 >= target_us:
                return heard


@pytest.fixture
def start() -> Iterator[Callable[..., Exchange]]:
    """Starts an exchange with options of SimulatorOptions."""
    with ExitStack() as stack:

        def begin(*, now_us: int = NOW_US, speed: float = 1.0, **options: object) -> Exchange:
            exchange = Exchange(now_us, None, stack)  # pyright: ignore[reportArgumentType]
            clock = Clock(lambda: exchange.now_us, speed)
            base = SimulatorOptions(symbols=("BTCUSDT", "ETHUSDT"), clock=clock)
            app = create_app(replace(base, **options), wall_us=lambda: 0)  # pyright: ignore[reportArgumentType]
            exchange.client = stack.enter_context(TestClient(app))
            return exchange

        yield begin


@pytest.fixture
def exchange(start: Callable[..., Exchange]) -> Exchange:
    """An exchange as it is by default."""
    return start()


def of_stream(messages: list[Message], stream: str) -> list[Message]:
    """Payloads of one stream."""
    return [message["data"] for message in messages if message.get("stream") == stream]
