"""An exchange in the hands of a test: WebSocket streams that send what the test says, and REST to repair from."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from crypto_assets_tests.waiting import wait_for

WAIT_S = 20.0


class Feeder:
    """Sends to every connection that asked for a stream."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.opened = 0
        self.is_away = False
        """Whether it takes no new connections."""
        self.turned_away = 0
        self.trades: dict[int, dict[str, Any]] = {}
        """What REST gives by id."""
        self.klines: list[list[Any]] = []
        self.asked: list[str] = []
        """Paths of REST in the order in which they were asked for."""
        self.refusals: dict[str, tuple[int, bytes]] = {}
        """Status and body in place of an answer, by path."""
        self.clock_ms = 1_900_000_000_000
        self.url = self.stream_url = ""

    def listening(self, stream: str) -> list[ServerConnection]:
        return [c for c in self.connections if c.request and stream in c.request.path]

    def wait_for_listener(self, stream: str, *, count: int = 1) -> None:
        wait_for(lambda: len(self.listening(stream)), until=lambda n: n >= count, deadline_s=WAIT_S)

    def send(self, stream: str, data: object, *, only: ServerConnection | None = None) -> None:
        self.send_raw(stream, json.dumps({"stream": stream, "data": data}, separators=(",", ":")), only=only)

    def send_raw(self, stream: str, message: str | bytes, *, only: ServerConnection | None = None) -> None:
        for connection in self.listening(stream) if only is None else [only]:
            with suppress(ConnectionClosed):  # by its client, between the look and this
                connection.send(message)

    def close(self, stream: str, *, code: int = 1001) -> None:
        for connection in self.listening(stream):
            self.connections.remove(connection)
            connection.close(code)

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if not self.is_away:
            return None
        self.turned_away += 1
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")

    def handle(self, connection: ServerConnection) -> None:
        self.opened += 1
        self.connections.append(connection)
        try:
            for _ in connection:
                pass
        except ConnectionClosed:
            pass
        finally:
            if connection in self.connections:
                self.connections.remove(connection)

    def answer(self, path: str, query: dict[str, list[str]]) -> Any:
        match path:
            case "/api/v3/time":
                return {"serverTime": self.clock_ms}
            case "/api/v3/historicalTrades":
                first, limit = int(query["fromId"][0]), int(query["limit"][0])
                return [self.trades[n] for n in sorted(self.trades) if n >= first][:limit]
            case "/api/v3/trades":
                return [self.trades[n] for n in sorted(self.trades)][-int(query["limit"][0]) :]
            case "/api/v3/klines":
                start, end = int(query["startTime"][0]), int(query["endTime"][0])
                return [row for row in self.klines if start <= row[0] <= end]
            case _:
                raise AssertionError(path)


@contextmanager
def feeding() -> Iterator[Feeder]:
    """A feeder on free ports."""
    feeder = Feeder()

    class Rest(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            feeder.asked.append(address.path)
            status, body = feeder.refusals.get(address.path, (200, b""))
            if status == 200:
                body = json.dumps(feeder.answer(address.path, parse_qs(address.query))).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    rest = ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    with rest, serve(feeder.handle, "127.0.0.1", 0, compression=None, process_request=feeder.admit) as streams:
        feeder.url = f"http://127.0.0.1:{rest.server_port}"
        feeder.stream_url = f"ws://127.0.0.1:{streams.socket.getsockname()[1]}"
        threads = [threading.Thread(target=s.serve_forever, daemon=True) for s in (rest, streams)]
        for thread in threads:
            thread.start()
        yield feeder
        rest.shutdown()
        streams.shutdown()
