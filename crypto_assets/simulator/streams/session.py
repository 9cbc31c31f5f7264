"""One connection: what it subscribed to, what waits to be sent to it, pings, and its end."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.stream_faults import Disconnect, SlowStreamServer, StreamFault, StreamTarget
from crypto_assets.simulator.streams.control_frames import ControlState
from crypto_assets.simulator.streams.limits import StreamLimits, Window
from crypto_assets.simulator.streams.names import Address
from crypto_assets.simulator.streams.published import Published

_YIELD_EVERY = 64  # messages, so that one busy connection does not hold up the others
_COUNTED = (Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG)


class Outgoing(NamedTuple):
    """A message on its way to a connection."""

    stream: str
    head: bytes
    """What precedes the payload where the connection wants the name of the stream."""
    payload: bytes
    trade_id: int = -1


def head_of(stream: str) -> bytes:
    """The opening of a combined message."""
    return b'{"stream":"' + stream.encode() + b'","data":'


class Feed(Protocol):
    """Where messages come from: the simulated market or a recording."""

    def subscribe(self, session: Session, names: Iterable[str]) -> None:
        """Messages of these streams are offered to the session from now on."""
        ...

    def unsubscribe(self, session: Session, names: Iterable[str]) -> None:
        """They no longer are."""
        ...

    def leave(self, session: Session) -> None:
        """The connection has ended."""
        ...


class CountedConnection(ServerConnection):
    """Counts what the client sends, control frames included, as the exchange does."""

    heard: Callable[[], None] | None = None

    def process_event(self, event: Frame | Request | Response) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Called with each frame that arrives."""
        if self.heard is not None and isinstance(event, Frame) and event.opcode in _COUNTED:
            self.heard()
        super().process_event(event)  # pyright: ignore[reportArgumentType]


class _Gone(Exception):
    """The client has left."""


class Session:
    """Serves one connection until either side ends it."""

    def __init__(
        self,
        connection: CountedConnection,
        address: Address,
        *,
        feed: Feed,
        published: Published,
        faults: FaultBook,
        limits: StreamLimits,
        now_ms: Callable[[], int],
    ) -> None:
        self.connection = connection
        self.address = address
        self.control = ControlState(address.combined, limits.streams)
        self._feed = feed
        self._published = published
        self._faults = faults
        self._limits = limits
        self._now_ms = now_ms
        self._outbox: deque[Outgoing] = deque()
        self._waiting_bytes = 0
        self._aborted = False
        self._heard_of: Counter[int] = Counter()
        self._something = asyncio.Event()
        self._nothing = asyncio.Event()
        self._nothing.set()
        self._ending: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._flooded = asyncio.Event()
        spot = address.venue == "spot"
        self._incoming = Window(limits.spot_messages if spot else limits.futures_messages, seconds=1.0)

    def offer(self, message: Outgoing) -> None:
        """Put a message into the queue of those to be sent; a client that is too far behind is cut off."""
        if self._aborted:
            return
        self._outbox.append(message)
        self._waiting_bytes += len(message.payload)
        self._something.set()
        self._nothing.clear()
        if self._waiting_bytes > self._limits.outbox_bytes:
            self.abort()

    def abort(self) -> None:
        """Cut the connection without a word; what waits is never sent."""
        self._aborted = True
        self._outbox.clear()
        self._waiting_bytes = 0
        self.connection.transport.abort()

    async def run(self) -> None:
        """Serve until the connection is closed."""
        self.connection.heard = self._count
        try:
            self._subscribe(self.address.streams)
            async with asyncio.TaskGroup() as tasks:
                for part in (self._receive, self._send, self._ping, self._age, self._refuse_floods, self._end):
                    tasks.create_task(part())
        except* (ConnectionClosed, _Gone):
            pass
        finally:
            self._feed.leave(self)
            self.control.streams.clear()

    async def drained(self) -> None:
        """Returns once nothing waits to be sent."""
        await self._nothing.wait()

    def has_stream_of(self, fault: StreamFault) -> bool:
        """Whether a fault is meant for this connection, by its venue or by one of its streams."""
        venue = self.address.venue
        if fault.stream is None and fault.symbol is None:
            return fault.venue in (None, venue)
        return any(fault.matches(StreamTarget(name, venue)) for name in self.control.streams)

    def shut_down(self, notice_s: float) -> None:
        """Close the connection after so long; clients of spot are told before, to open another one."""
        if not self._ending.done():
            self._ending.set_result(notice_s)

    def _subscribe(self, names: Iterable[str]) -> None:
        self.control.streams |= dict.fromkeys(names)
        self._feed.subscribe(self, names)

    async def _receive(self) -> None:
        async for text in self.connection:
            reply = self.control.answer(text)
            await self.connection.send(reply.body, text=True)
            if reply.removed:
                self._feed.unsubscribe(self, reply.removed)
            if reply.added:
                self._feed.subscribe(self, reply.added)
        raise _Gone

    async def _send(self) -> None:
        sent = 0
        while True:
            await self._something.wait()
            self._something.clear()
            while self._outbox:
                message = self._outbox.popleft()
                self._waiting_bytes -= len(message.payload)
                if self._faults.touches_streams:
                    await self._suffer(message)
                text = message.head + message.payload + b"}" if self.control.combined else message.payload
                await self.connection.send(text, text=True)
                if message.trade_id >= 0:
                    self._published.add(message.stream, message.trade_id)
                sent += 1
                if sent % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
                if self._aborted:
                    raise _Gone
            self._nothing.set()

    async def _suffer(self, message: Outgoing) -> None:
        """Scripted faults of the connection, before a message is sent."""
        target = StreamTarget(message.stream, self.address.venue)
        for number, fault in self._faults.connection_faults():
            if not fault.matches(target):
                continue
            if isinstance(fault, SlowStreamServer) and self._faults.use(number):
                await asyncio.sleep(1 / fault.messages_per_second)
            elif isinstance(fault, Disconnect) and fault.after_messages is not None:
                self._heard_of[number] += 1
                if self._heard_of[number] > fault.after_messages and self._faults.use(number):
                    self.abort()
                    raise _Gone

    async def _ping(self) -> None:
        spot = self.address.venue == "spot"
        every_s = self._limits.spot_ping_s if spot else self._limits.futures_ping_s
        patience_s = self._limits.spot_pong_s if spot else self._limits.futures_pong_s
        loop = asyncio.get_running_loop()
        unanswered: deque[tuple[float, asyncio.Future[float]]] = deque()
        for number in itertools.count():
            await asyncio.sleep(every_s)
            # the number makes it unique while the exchange's clock stands still
            pong = asyncio.ensure_future(await self.connection.ping(f"{self._now_ms()}.{number}"))
            unanswered.append((loop.time(), pong))
            while unanswered and unanswered[0][1].done():
                unanswered.popleft()
            if unanswered and loop.time() - unanswered[0][0] > patience_s:
                await self.connection.close(CloseCode.POLICY_VIOLATION, "Pong timeout")
                return

    async def _age(self) -> None:
        life_s = self._limits.life_s
        notice_s = min(self._limits.notice_s, life_s / 10)
        await asyncio.sleep(life_s - notice_s)
        self.shut_down(notice_s)

    async def _end(self) -> None:
        notice_s = await self._ending
        if self.address.venue == "spot":
            payload = b'{"e":"serverShutdown","E":%d}' % self._now_ms()
            self.offer(Outgoing("!serverShutdown", head_of("!serverShutdown"), payload))
        await asyncio.sleep(notice_s)
        await self.connection.close(CloseCode.GOING_AWAY, "the server goes away")

    async def _refuse_floods(self) -> None:
        await self._flooded.wait()
        await self.connection.close(CloseCode.POLICY_VIOLATION, "Too many requests")

    def _count(self) -> None:
        if self._incoming.exceeded(asyncio.get_running_loop().time()):
            self._flooded.set()
