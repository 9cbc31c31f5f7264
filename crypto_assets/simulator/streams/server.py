"""The WebSocket server of the exchange, beside its REST: what feeds it, its connections, and what it has published."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.options import SimulatorOptions
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.stream_faults import ConnectionFault, Disconnect, ServerShutdown
from crypto_assets.simulator.streams.hub import Hub
from crypto_assets.simulator.streams.limits import Window
from crypto_assets.simulator.streams.names import parse_address
from crypto_assets.simulator.streams.producer import Producer
from crypto_assets.simulator.streams.published import Published
from crypto_assets.simulator.streams.recordings import Recordings
from crypto_assets.simulator.streams.replay import Replay
from crypto_assets.simulator.streams.session import CountedConnection, Session

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
_LOOK_S = 0.02  # between looks at the script of faults


class StreamServer:
    """The streams of one exchange, as long as it is open: accepts connections and gives each its session."""

    def __init__(self, options: SimulatorOptions, faults: FaultBook) -> None:
        self.url: str | None = None
        """Where the streams are served now, such as ws://127.0.0.1:40123."""
        self.published = Published()
        self._sessions: set[Session] = set()
        self._limits = options.stream_limits
        self._now_us = options.clock.now_us
        self._faults = faults
        self._feed = _feed(options, faults)
        self._attempts = Window(self._limits.connections, seconds=self._limits.connections_window_s)

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._sessions)

    @asynccontextmanager
    async def open(self, listener: socket.socket | None = None) -> AsyncGenerator[None]:
        """Serve within the block, on a free port where no bound socket is given."""
        async with serve(
            self._handle,
            sock=listener or bind_listener(),
            process_request=self._admit,
            create_connection=CountedConnection,
            compression=None,
            ping_interval=None,  # sessions ping as the exchange does
            close_timeout=1,
        ) as server:
            self.url = f"ws://{HOST}:{next(iter(server.sockets)).getsockname()[1]}"
            running = [asyncio.create_task(part) for part in (self._feed.run(), self._strike_connections())]
            for task in running:
                task.add_done_callback(self._notice_failure)
            try:
                yield
            finally:
                self.url = None
                for task in running:
                    task.cancel()
                for task in running:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    def _notice_failure(self, task: asyncio.Task[None]) -> None:
        """Streams that can say nothing more must not look alive: connections end, and `/health` has no address."""
        if task.cancelled():
            return
        logger.critical("The streams have failed", exc_info=task.exception())
        self.url = None
        for session in tuple(self._sessions):
            session.abort()

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
            published=self.published,
            faults=self._faults,
            limits=self._limits,
            now_ms=lambda: self._now_us() // 1000,
        )
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    async def _strike_connections(self) -> None:
        """Cut or close open connections as soon as the script says so, until cancelled."""
        while True:
            if self._faults.touches_streams:
                for number, fault in self._faults.connection_faults():
                    self._strike(number, fault)
            await asyncio.sleep(_LOOK_S)

    def _strike(self, number: int, fault: ConnectionFault) -> None:
        at_once = isinstance(fault, Disconnect) and fault.after_messages is None
        if not at_once and not isinstance(fault, ServerShutdown):
            return
        for session in [each for each in self._sessions if each.has_stream_of(fault)]:
            if not self._faults.use(number):
                break
            if isinstance(fault, ServerShutdown):
                session.shut_down(fault.notice_s)
            else:
                session.abort()
        self._faults.end(number)


def _feed(options: SimulatorOptions, faults: FaultBook) -> Hub | Replay:
    if options.replay is not None:
        return Replay(Recordings(options.replay), pace=options.replay_pace, faults=faults)
    # Its own copy of the market: a long answer over REST must not hold up the streams.
    data = SimulatedData(seed=options.seed, symbols=options.symbols, faults=faults)
    return Hub(Producer(data), clock=options.clock, faults=faults)


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
