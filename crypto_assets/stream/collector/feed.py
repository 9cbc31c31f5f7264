"""Keeps one connection's streams flowing: reconnects, replaces in time and with overlap, and judges silence."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import cast
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI

from crypto_assets.stream.collector.link import FRAME_LIMIT, Handler, Link, LinkedConnection, Refuse
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.subscriptions import ConnectionPlan

_log = logging.getLogger(__name__)

STEADY_S = 10.0  # a connection that lived so long was a good one: the next attempt need not wait
END_OF_RECORDING = 1000  # close code of a server that has said everything


@dataclass(frozen=True, slots=True)
class Care:
    """How connections are looked after."""

    life_s: float = 24 * 3600 - 600
    """A connection is replaced at this age, before the exchange cuts it at 24 hours."""
    overlap_s: float = 30.0
    """The old connection is read beside the new one this long, so that no message falls between them."""
    first_delay_s: float = 0.25
    longest_delay_s: float = 30.0
    """Bounds of the back-off between attempts; each delay is drawn at random up to its bound."""
    silence_scale: float = 1.0
    """Multiplies how long each stream may be quiet."""
    ends_when_told: bool = False
    """Whether a server that closes with 1000 has said everything, as in a replay; silence is then not judged."""
    rng: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True)
class Before:
    """What was last known of a stream when its connection broke."""

    state: CollectedState
    event_us: int | None
    received_us: int | None
    cause: str


type MakeHandler = Callable[[CollectedState, Link], Handler]
type OnResumed = Callable[[Before], None]


@dataclass(slots=True)
class _Open:
    link: Link
    socket: ClientConnection
    since_s: float


class Feed:
    """The streams of one plan, over one connection after the other."""

    def __init__(
        self,
        plan: ConnectionPlan,
        url: str,
        states: Sequence[CollectedState],
        *,
        care: Care,
        make_handler: MakeHandler,
        refuse: Refuse,
        on_resumed: OnResumed,
    ) -> None:
        self.plan = plan
        self.states = tuple(states)
        self.replacements: dict[str, int] = {}
        """How often a connection ended or was replaced, by cause."""
        self.messages = 0
        self.bytes = 0
        """Of connections that have ended."""
        self._url = url
        self._care = care
        self._make_handler = make_handler
        self._refuse = refuse
        self._on_resumed = on_resumed
        self._readable = asyncio.Event()
        self._readable.set()
        self._replace = asyncio.Event()
        self._cause = ""
        self._stopping = asyncio.Event()
        self._open: list[_Open] = []
        self._failures = 0
        self._before: dict[CollectedState, Before] = {}

    @property
    def is_connected(self) -> bool:
        """Whether a socket is open."""
        return bool(self._open)

    @property
    def received(self) -> tuple[int, int]:
        """Messages and bytes of all connections so far."""
        links = [entry.link for entry in self._open]
        return self.messages + sum(n.messages for n in links), self.bytes + sum(n.bytes for n in links)

    async def run(self) -> None:
        """Until stopped, or until the server has said everything."""
        current = await self._connect()
        while current is not None:
            ended = await self._wait(current)
            if self._stopping.is_set():
                await self._end(current)
                return
            if ended:
                await self._end(current)
                if self._care.ends_when_told and current.socket.close_code == END_OF_RECORDING:
                    return
                self._lost(current)
                current = await self._connect()
            else:
                current = await self._hand_over(current)

    def stop(self) -> None:
        """Let `run` close its connections and end."""
        self._stopping.set()

    def replace(self, cause: str) -> None:
        """Ask for a new connection in place of the present one."""
        if not self._replace.is_set():
            self._cause = cause
            self._replace.set()

    def set_readable(self, readable: bool) -> None:
        """Let the sockets be read or not: where there is no room for messages, the exchange has to wait."""
        if readable == self._readable.is_set():
            return
        for entry in self._open:
            entry.socket.transport.resume_reading() if readable else entry.socket.transport.pause_reading()
        self._readable.set() if readable else self._readable.clear()

    def judge_silence(self, *, now_us: int, now_s: float) -> None:
        """Replace the connection where a stream is quiet for longer than is normal for it."""
        quiet: list[str] = []
        for state in self.states:
            last_s = now_s - (now_us - (state.received_us or 0)) / 1e6
            allowed = state.silent_after_s(scale=self._care.silence_scale)
            state.silent = now_s - max(last_s, state.since_s) > allowed
            if state.silent:
                quiet.append(state.stream.name)
        if quiet and self._open and self._readable.is_set() and not self._care.ends_when_told:
            self.replace(f"silent: {', '.join(quiet[:5])}")

    async def _wait(self, current: _Open) -> bool:
        """True where the connection ended, False where it is to be replaced."""
        life_s = self._care.life_s - (time.monotonic() - current.since_s)
        waits = [
            asyncio.ensure_future(current.socket.wait_closed()),
            asyncio.ensure_future(self._replace.wait()),
            asyncio.ensure_future(self._stopping.wait()),
        ]
        reader = asyncio.ensure_future(_read_parts(current))
        done, _ = await asyncio.wait(waits, timeout=max(0.0, life_s), return_when=asyncio.FIRST_COMPLETED)
        for task in (*waits, reader):
            task.cancel()
        if not done:
            self.replace("age")
        return waits[0] in done

    async def _hand_over(self, old: _Open) -> _Open | None:
        """Open another connection, read both for a while, close the old one."""
        cause, self._cause = self._cause, ""
        self._count(cause.partition(":")[0])
        _log.warning("%s: the connection is replaced: %s", self.plan.name, cause)
        is_silent = cause.startswith("silent")
        if is_silent:
            self._failures += 1
            await self._pause()
            self._remember("silent")
        ending = asyncio.ensure_future(self._remember_at_end_of(old))
        new = await self._connect(delayed=False)
        self._replace.clear()
        has_ended = ending.done()
        ending.cancel()
        if new is not None and not is_silent and not has_ended:
            for state in self.states:
                state.shared = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._care.overlap_s)
        await self._end(old)
        for state in self.states:
            state.shared = False
        return new

    async def _remember_at_end_of(self, old: _Open) -> None:
        """Note what was known when the connection ended: with no other beside it, something is missing from then on."""
        await old.socket.wait_closed()
        self._remember("disconnected")

    async def _connect(self, *, delayed: bool = True) -> _Open | None:
        """An open connection, however many attempts it takes; None where told to stop."""
        while not self._stopping.is_set():
            if delayed:
                await self._pause()
            delayed = True
            await self._until(self._readable)
            if self._stopping.is_set():
                return None
            try:
                return await self._open_one()
            except (OSError, InvalidHandshake, InvalidURI, EOFError) as error:
                self._failures += 1
                if self._failures in (1, 5) or self._failures % 50 == 0:
                    _log.warning("%s: attempt %d to connect failed: %r", self.plan.name, self._failures, error)
        return None

    async def _open_one(self) -> _Open:
        link = Link(uuid4().hex[:12], refuse=self._refuse, on_shutdown=partial(self.replace, "serverShutdown"))
        self._prepare(link)
        factory = cast("type[ClientConnection]", partial(LinkedConnection, link))
        socket = await connect(
            self._url, create_connection=factory, compression=None, max_size=FRAME_LIMIT, close_timeout=2, proxy=None
        )
        entry = _Open(link, socket, time.monotonic())
        self._open.append(entry)
        for state in self.states:
            state.since_s = entry.since_s
        return entry

    def _prepare(self, link: Link) -> None:
        for state in self.states:
            link.set_handler(state.stream.name, self._first_of(state, link, self._make_handler(state, link)))

    def _first_of(self, state: CollectedState, link: Link, handler: Handler) -> Handler:
        """A handler for the first message of a connection, which ends a break if there was one; then the usual one."""

        def handle(raw: bytes) -> None:
            count = state.messages
            handler(raw)
            if state.messages > count:
                link.set_handler(state.stream.name, handler)
                if (before := self._before.pop(state, None)) is not None:
                    self._on_resumed(before)

        return handle

    def expect(self, before: Before) -> None:
        """Take what the run before delivered last as the moment at which the stream broke."""
        self._before[before.state] = before

    def _lost(self, entry: _Open) -> None:
        code = entry.socket.close_code
        lived_s = time.monotonic() - entry.since_s
        self._failures = 0 if lived_s > STEADY_S else self._failures + 1
        self._count("disconnected")
        self._remember("disconnected")
        _log.warning("%s: disconnected after %.0f s, code %s", self.plan.name, lived_s, code)

    def _remember(self, cause: str) -> None:
        for state in self.states:
            state.track.cause = cause
            if state.messages and state not in self._before:
                self._before[state] = Before(state, state.event_us, state.received_us, cause)

    def _count(self, cause: str) -> None:
        self.replacements[cause] = self.replacements.get(cause, 0) + 1

    async def _end(self, entry: _Open) -> None:
        await entry.socket.close()
        if entry in self._open:
            self._open.remove(entry)
            self.messages += entry.link.messages
            self.bytes += entry.link.bytes

    async def _pause(self) -> None:
        """Wait before an attempt: not at all before the first, then up to twice as long each time."""
        if self._failures:
            bound = min(self._care.longest_delay_s, self._care.first_delay_s * 2.0 ** min(self._failures - 1, 20))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._care.rng.uniform(0, bound))

    async def _until(self, event: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._stopping.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()


async def _read_parts(entry: _Open) -> None:
    """Handle messages that came in several frames, which the library joins."""
    async for message in entry.socket:
        entry.link.receive(message.encode() if isinstance(message, str) else message)
