"""Recorded streams, sent again as they came: in their order, at their pace or faster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from websockets.frames import CloseCode

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.streams.fault_pipeline import FaultPipeline
from crypto_assets.simulator.streams.names import is_offered
from crypto_assets.simulator.streams.recordings import Recordings, trade_id_of
from crypto_assets.simulator.streams.session import Outgoing, Session, head_of
from crypto_assets.spans import SECOND_US

logger = logging.getLogger(__name__)

_BATCH = 256  # messages that may wait for a reader before the next are read from the file
END = "end of recording"


class Replay:
    """Each subscription begins at the beginning of the recording; after the end the connection is closed with 1000.

    `pace` is how many times faster than recorded, 0 as fast as the reader takes it; an address may ask for another.
    """

    def __init__(self, recordings: Recordings, *, pace: float, faults: FaultBook) -> None:
        self._recordings = recordings
        self._pace = pace
        self._faults = faults
        self._players: dict[Session, set[asyncio.Task[None]]] = {}

    def subscribe(self, session: Session, names: Iterable[str]) -> None:
        """Play these streams from their beginning."""
        access = session.address.access
        offered = frozenset(name for name in names if is_offered(name.partition("@")[2], access=access))
        if not session.control.streams:
            return
        player = asyncio.create_task(self._play(session, offered))
        self._players.setdefault(session, set()).add(player)

    def unsubscribe(self, session: Session, names: Iterable[str]) -> None:
        """Players leave out what is no longer among the session's streams."""

    def leave(self, session: Session) -> None:
        """The connection has ended."""
        for player in self._players.pop(session, ()):
            player.cancel()

    async def run(self) -> None:
        """Players run by themselves."""
        await asyncio.Event().wait()

    async def _play(self, session: Session, names: frozenset[str]) -> None:
        try:
            await self._send_all(session, names)
        except (OSError, EOFError, ValueError) as error:
            logger.exception("The recording cannot be read on")
            await session.connection.close(CloseCode.INTERNAL_ERROR, f"{error}"[:100])
            return
        players = self._players.get(session, set())
        players.discard(asyncio.current_task())  # pyright: ignore[reportArgumentType]
        if not players:
            await session.drained()
            await session.connection.close(CloseCode.NORMAL_CLOSURE, END)

    async def _send_all(self, session: Session, names: frozenset[str]) -> None:
        venue = session.address.venue
        pace = self._pace if session.address.pace is None else session.address.pace
        pipeline = FaultPipeline(self._faults)
        heads = {name: head_of(name) for name in names}
        symbols = {name.partition("@")[0] for name in names}
        timer = _Timer(pace)
        for count, message in enumerate(self._recordings.messages(venue, names, symbols=symbols)):
            if pace:
                await timer.wait(message.received_ns)
            elif count % _BATCH == 0:
                await session.drained()
            if message.stream not in session.control.streams:
                continue
            trade_id = trade_id_of(message) if venue == "spot" else -1
            outgoing = Outgoing(message.stream, heads[message.stream], message.payload, trade_id)
            if not pipeline.touched:
                session.offer(outgoing)
                continue
            now_us = message.received_ns // 1000
            for each in (*pipeline.release(now_us), *pipeline.feed(outgoing, venue=venue, now_us=now_us)):
                session.offer(each)
        for each in pipeline.drain():
            session.offer(each)


class _Timer:
    """When a message is due, counted from the first."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._begun_s = self._loop.time()
        self._first_ns: int | None = None

    async def wait(self, received_ns: int) -> None:
        if self._first_ns is None:
            self._first_ns = received_ns
        due_s = self._begun_s + (received_ns - self._first_ns) / (SECOND_US * 1000) / self._pace
        wait_s = due_s - self._loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
