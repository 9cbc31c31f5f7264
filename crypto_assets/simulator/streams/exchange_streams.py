"""Everything of the streams that an application has: the server, what feeds it, and what it has published."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.options import SimulatorOptions
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.connection_faults import strike_connections
from crypto_assets.simulator.streams.hub import Hub
from crypto_assets.simulator.streams.producer import Producer
from crypto_assets.simulator.streams.published import Published
from crypto_assets.simulator.streams.recordings import Recordings
from crypto_assets.simulator.streams.replay import Replay
from crypto_assets.simulator.streams.server import StreamServer, bind_listener

logger = logging.getLogger(__name__)


class ExchangeStreams:
    """The streams of one exchange, as long as it is open."""

    def __init__(self, options: SimulatorOptions, faults: FaultBook) -> None:
        self._options = options
        self._faults = faults
        self._server: StreamServer | None = None
        self.published = Published()

    @property
    def url(self) -> str | None:
        """Where the streams are served now."""
        return self._server.url if self._server else None

    @property
    def connections(self) -> int:
        """How many stream connections are open now."""
        return len(self._server.sessions) if self._server else 0

    @asynccontextmanager
    async def open(self, listener: socket.socket | None = None) -> AsyncGenerator[None]:
        """Serve within the block, on a free port where no socket is given."""
        feed = self._feed()
        self._server = StreamServer(
            feed,
            published=self.published,
            faults=self._faults,
            limits=self._options.stream_limits,
            now_us=self._options.clock.now_us,
        )
        async with self._server.open(listener or bind_listener()):
            running = [
                asyncio.create_task(feed.run()),
                asyncio.create_task(strike_connections(self._faults, self._server.sessions)),
            ]
            for task in running:
                task.add_done_callback(self._notice_failure)
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
                for task in running:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    def _notice_failure(self, task: asyncio.Task[None]) -> None:
        """Streams that can say nothing more must not look alive: connections end, and `/health` has no address."""
        if task.cancelled() or self._server is None:
            return
        logger.critical("The streams have failed", exc_info=task.exception())
        self._server.url = None
        for session in tuple(self._server.sessions):
            session.abort()

    def _feed(self) -> Hub | Replay:
        options = self._options
        if options.replay is not None:
            return Replay(Recordings(options.replay), pace=options.replay_pace, faults=self._faults)
        # Its own copy of the market: a long answer over REST must not hold up the streams.
        data = SimulatedData(seed=options.seed, symbols=options.symbols, faults=self._faults)
        return Hub(Producer(data), clock=options.clock, faults=self._faults)
