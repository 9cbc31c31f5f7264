"""Sends what the market does when it does it: messages are made a little ahead of time and handed out when due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from crypto_assets.simulator.clock import Clock
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.streams.fault_pipeline import FaultPipeline
from crypto_assets.simulator.streams.names import StreamKey, parse_stream
from crypto_assets.simulator.streams.producer import Producer, StreamMessage
from crypto_assets.simulator.streams.session import Outgoing, Session, head_of
from crypto_assets.spans import SECOND_US

logger = logging.getLogger(__name__)

_AHEAD_S = 3.0  # of real time: what is made at once
_REFILL_S = 1.5
_SHORTEST_S, _LONGEST_S = 0.001, 0.05  # between looks at the clock


@dataclass(slots=True)
class _Channel:
    """One stream that somebody listens to."""

    key: StreamKey
    made_until_us: int
    stream: str
    head: bytes
    pipeline: FaultPipeline
    sessions: dict[Session, None] = field(default_factory=dict[Session, None])
    waiting: deque[StreamMessage] = field(default_factory=deque[StreamMessage])
    is_new: bool = True

    def offer(self, message: Outgoing) -> None:
        """To everybody who listens."""
        for session in self.sessions:
            session.offer(message)


class Hub:
    """The simulated market's streams, for all connections."""

    def __init__(self, producer: Producer, *, clock: Clock, faults: FaultBook) -> None:
        self._producer = producer
        self._clock = clock
        self._faults = faults
        self._channels: dict[StreamKey, _Channel] = {}
        self._wanted = asyncio.Event()
        self._made = asyncio.Event()
        self._events = producer.events()
        self._given_until_us = 0

    def subscribe(self, session: Session, names: Iterable[str]) -> None:
        """From now on; names that mean nothing here are silent."""
        for name in names:
            key = parse_stream(name, access=session.address.access, unit_us=session.address.unit_us)
            if key is None or not self._producer.knows(key):
                continue
            channel = self._channels.get(key)
            if channel is None:
                channel = _Channel(key, self._clock.now_us(), name, head_of(name), FaultPipeline(self._faults))
                self._channels[key] = channel
            channel.sessions[session] = None
        self._wanted.set()

    def unsubscribe(self, session: Session, names: Iterable[str]) -> None:
        """A stream that nobody listens to is no longer made."""
        for name in names:
            key = parse_stream(name, access=session.address.access, unit_us=session.address.unit_us)
            channel = self._channels.get(key) if key is not None else None
            if channel is None:
                continue
            channel.sessions.pop(session, None)
            if not channel.sessions:
                del self._channels[channel.key]

    def leave(self, session: Session) -> None:
        """The connection has ended."""
        self.unsubscribe(session, tuple(session.control.streams))

    async def run(self) -> None:
        """Make and hand out messages until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._make())
            tasks.create_task(self._hand_out())

    async def _make(self) -> None:
        """Keep every stream made for the next seconds; calculations run in a thread."""
        while True:
            ahead_us = max(SECOND_US, int(_AHEAD_S * SECOND_US * self._clock.speed))
            now_us = self._clock.now_us()
            refill_us = int(ahead_us * _REFILL_S / _AHEAD_S)
            poor = [c for c in self._channels.values() if c.is_new or c.made_until_us < now_us + refill_us]
            if not poor:
                self._wanted.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), timeout=_LONGEST_S if self._channels else None)
                continue
            await self._fill(poor, now_us + ahead_us)

    async def _fill(self, channels: list[_Channel], until_us: int) -> None:
        by_start: dict[int, list[_Channel]] = {}
        for channel in channels:
            by_start.setdefault(channel.made_until_us, []).append(channel)
        for start_us, group in by_start.items():
            events = self._events
            keys = [channel.key for channel in group]
            made = await asyncio.to_thread(self._producer.produce, keys, start_us, until_us)
            if events != self._events:
                return  # the market is another one by now
            for channel in group:
                channel.waiting.extend(made[channel.key])
                channel.made_until_us = until_us
                channel.is_new = False
        self._made.set()

    async def _hand_out(self) -> None:
        while True:
            now_us = self._clock.now_us()
            self._notice_events()
            ready = [channel for channel in self._channels.values() if not channel.is_new]
            due_us = min((channel.made_until_us for channel in ready), default=now_us)
            self._deliver(ready, min(now_us, due_us - 1))
            following = min((c.waiting[0].time_us for c in ready if c.waiting), default=None)
            await self._sleep_until(following)

    def _deliver(self, channels: list[_Channel], until_us: int) -> None:
        """Offer what was due by then, in order of time over all streams."""
        due: list[tuple[int, int, _Channel, StreamMessage]] = []
        for order, channel in enumerate(channels):
            waiting = channel.waiting
            while waiting and waiting[0].time_us <= until_us:
                message = waiting.popleft()
                due.append((message.time_us, order, channel, message))
            if channel.pipeline.touched:
                for late in channel.pipeline.release(until_us):
                    channel.offer(late)
        due.sort(key=lambda each: each[:2])
        for _, _, channel, message in due:
            outgoing = Outgoing(channel.stream, channel.head, message.payload, message.trade_id)
            pipeline = channel.pipeline
            if pipeline.touched:
                for each in pipeline.feed(outgoing, venue=channel.key.venue, now_us=until_us):
                    channel.offer(each)
            else:
                channel.offer(outgoing)
        self._given_until_us = max(self._given_until_us, until_us + 1)

    def _notice_events(self) -> None:
        """What was made for a market without the latest halts and crashes is made anew."""
        events = self._producer.events()
        if events == self._events:
            return
        self._events = events
        for channel in self._channels.values():
            channel.waiting.clear()
            if not channel.is_new:
                channel.made_until_us = self._given_until_us
        self._wanted.set()

    async def _sleep_until(self, time_us: int | None) -> None:
        if time_us is None:
            self._made.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._made.wait(), timeout=_LONGEST_S)
            return
        wait_s = (time_us - self._clock.now_us()) / SECOND_US / (self._clock.speed or 1.0)
        await asyncio.sleep(min(max(wait_s, _SHORTEST_S), _LONGEST_S))
