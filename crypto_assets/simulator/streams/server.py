"""The WebSocket server of the exchange, beside its REST."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.streams.limits import StreamLimits, Window
from crypto_assets.simulator.streams.names import parse_address
from crypto_assets.simulator.streams.published import Published
from crypto_assets.simulator.streams.session import CountedConnection, Feed, Session

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"


class StreamServer:
    """Accepts connections and gives each its session."""

    def __init__(
        self,
        feed: Feed,
        *,
        published: Published,
        faults: FaultBook,
        limits: StreamLimits,
        now_us: Callable[[], int],
    ) -> None:
        self.sessions: set[Session] = set()
        self.url: str | None = None
        """Address once it is open, such as ws://127.0.0.1:40123."""
        self._feed = feed
        self._published = published
        self._faults = faults
        self._limits = limits
        self._now_us = now_us
        self._attempts = Window(limits.connections, seconds=limits.connections_window_s)

    @asynccontextmanager
    async def open(self, listener: socket.socket) -> AsyncGenerator[None]:
        """Serve on a bound socket within the block."""
        async with serve(
            self._handle,
            sock=listener,
            process_request=self._admit,
            create_connection=CountedConnection,
            compression=None,
            ping_interval=None,  # sessions ping as the exchange does
            close_timeout=1,
        ) as server:
            self.url = _url(server)
            try:
                yield
            finally:
                self.url = None

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None for a request that may go on; the refusal otherwise."""
        if self._attempts.exceeded(asyncio.get_running_loop().time()):
            return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "Too many connections\n")
        address = parse_address(request.path)
        if address is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "There is no such stream address\n")
        if len(address.streams) > self._limits.streams:
            return connection.respond(HTTPStatus.BAD_REQUEST, "Too many streams\n")
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        request = connection.request
        address = parse_address(request.path) if request else None
        if address is None:
            raise ValueError("a connection without an address was admitted")
        session = Session(
            cast(CountedConnection, connection),
            address,
            feed=self._feed,
            published=self._published,
            faults=self._faults,
            limits=self._limits,
            now_ms=lambda: self._now_us() // 1000,
        )
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)


def bind_listener(port: int = 0, *, host: str = HOST) -> socket.socket:
    """A socket for `StreamServer.open`, on this machine only unless told; raises OSError where it cannot be had."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _url(server: Server) -> str:
    port = next(iter(server.sockets)).getsockname()[1]
    return f"ws://{HOST}:{port}"
