"""Heartbeat and lease in Redis, beside the streams: the collector goes on when Redis is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import redis
from filelock import FileLock, Timeout

from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.heartbeat import BEAT_EVERY_S, LEASE_MS, Seat, State, StreamState

_log = logging.getLogger(__name__)

ANSWER_S = 1.0


class LeaseHeld(Exception):
    """Raised when another collector of the exchange runs."""


class Pulse:
    """Says how the collector is, and holds the right to be the only one."""

    def __init__(
        self,
        url: str,
        exchange: str,
        *,
        lock: Path,
        streams: Callable[[], tuple[StreamState, ...]],
        figures: Callable[[], Mapping[str, float]],
    ) -> None:
        self.state: State = "starting"
        self.detail = ""
        client = redis.Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
        self._seat = Seat(client, exchange, "collector")
        self._lock = FileLock(lock)
        self._exchange = exchange
        self._streams = streams
        self._figures = figures
        self._is_away = False

    async def claim(self, *, wait: bool, until: asyncio.Event) -> bool:
        """Take the lock and the lease; where another has one, wait, or raise LeaseHeld once a dead one's had ended.

        False where it was told to end before. Without Redis nobody can tell of those with another lock: the collector
        goes on, as nothing breaks where two do the same, but for the folder on disk, which the lock is for.
        """
        Path(self._lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + LEASE_MS / 1000 + 1.0
        said = False
        while not await self._take():
            if not wait and time.monotonic() > deadline:
                raise LeaseHeld(
                    f"A collector of {self._exchange} runs already. Stop it first, or start this one with --standby."
                )
            if not said:
                _log.info("another collector of %s runs, waiting", self._exchange)
                said = True
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), 0.5)
            if until.is_set():
                return False
        return True

    async def run(self) -> None:
        """Renew the lease and give heartbeats until cancelled; raises LeaseHeld where another took the lease."""
        while True:
            if not await self._try(self._seat.hold):
                raise LeaseHeld(f"Another collector of {self._exchange} took over while this one did not answer.")
            await self._say()
            await asyncio.sleep(BEAT_EVERY_S)

    async def end(self, state: State, detail: str) -> None:
        """The last words, and lease and lock given back."""
        self.state, self.detail = state, detail
        await self._say()
        await self._try(self._seat.leave)
        self._lock.release()

    async def _take(self) -> bool:
        """Take both lock and lease, or none."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        if await self._try(self._seat.hold):
            return True
        self._lock.release()
        return False

    async def _say(self) -> None:
        streams, figures = self._streams(), self._figures()
        await self._try(lambda: self._seat.say(self.state, self.detail, streams=streams, figures=figures))

    async def _try[T](self, call: Callable[[], T]) -> T | bool:
        try:
            found = await asyncio.to_thread(call)
        except redis.RedisError as error:
            if not self._is_away:
                _log.warning("Redis does not answer, the collector goes on without it: %s", error)
            self._is_away = True
            return True
        if self._is_away:
            _log.warning("Redis answers again")
            self._is_away = False
        return found


def beat_state(state: CollectedState, *, latency_s: float) -> StreamState:
    """How a stream flows, for the heartbeat."""
    return StreamState(
        topic=state.outlet.name,
        symbol=state.symbol,
        messages=state.messages,
        rate=round(state.rate, 3),
        last_event_us=state.event_us,
        last_received_us=state.received_us,
        lag_s=None if state.lag_s is None else state.lag_s + latency_s,
        silent=state.silent,
    )
