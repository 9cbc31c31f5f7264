"""What programs of the market stream say of themselves every few seconds, in Redis, and the lease of each."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast
from uuid import uuid4

import msgspec

if TYPE_CHECKING:
    import redis

type Program = Literal["collector", "processor", "forecaster"]
type State = Literal["starting", "running", "stopping", "stopped", "failed"]

BEAT_EVERY_S = 2.0
STALE_AFTER_S = 15.0
"""Older than this a heartbeat says that its program hangs or is gone."""
KEPT_S = 3600
"""How long the last words of a program that ended can be read."""
LEASE_MS = 10_000
ENDED, FAILED, MISCONFIGURED, NOT_ALONE = 0, 1, 2, 3
"""Exit codes of the programs; the last one where another instance holds the lease, which is no failure."""


class StreamState(msgspec.Struct, frozen=True):
    """How one stream of one symbol flows."""

    topic: str
    symbol: str
    messages: int
    """Since the program started."""
    rate: float
    """Messages a second over the last minute or so."""
    last_event_us: int | None
    """Time of the newest event; None before the first."""
    last_received_us: int | None
    lag_s: float | None
    """From event to Kafka for the collector, to the committed row for the processor, from the close of a candle to the
    published prediction for the forecaster; of the last messages."""
    silent: bool = False
    """Whether it is quiet for longer than is normal for it."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One beat."""

    program: Program
    instance: str
    """Drawn at the start of the program."""
    pid: int
    host: str
    started_at_us: int
    beat_at_us: int
    state: State
    detail: str = ""
    """For people: the reason of the state."""
    streams: tuple[StreamState, ...] = ()
    figures: dict[str, float] = {}
    """Counters of the program: messages, reconnects, buffered, dropped, dead_letters, open_gaps, batches, rows …"""

    def is_alive(self, *, now_us: int) -> bool:
        """Whether the program can be taken to run at this moment of the machine's clock."""
        return self.state in ("starting", "running") and now_us - self.beat_at_us < STALE_AFTER_S * 1_000_000


_decoder = msgspec.json.Decoder(Heartbeat)


def write_heartbeat(client: redis.Redis, exchange: str, beat: Heartbeat) -> None:
    """Replace the program's last beat; raises redis.RedisError."""
    client.set(_beat_key(exchange, beat.program), msgspec.json.encode(beat), ex=KEPT_S)


def read_heartbeat(client: redis.Redis, exchange: str, program: Program) -> Heartbeat | None:
    """The program's last beat; None where it never ran, or long ago.

    Raises redis.RedisError, and msgspec.DecodeError where it is of another version.
    """
    raw = cast("bytes | None", client.get(_beat_key(exchange, program)))
    return None if raw is None else _decoder.decode(raw)


class Seat:
    """One instance of a program: its lease, the right to be the only one of the exchange, and what it says of itself.

    All methods raise redis.RedisError.
    """

    def __init__(self, client: redis.Redis, exchange: str, program: Program, *, instance: str | None = None) -> None:
        self._client = client
        self._exchange = exchange
        self._program: Program = program
        self._instance = instance or uuid4().hex
        self._key = f"market_stream:{exchange}:{program}:lease"
        self._started_at_us = _now_us()

    def hold(self) -> bool:
        """Take or renew the lease for LEASE_MS; False where another instance has it.

        A flushed Redis forgets the lease; its holder has it again with the next renewal.
        """
        script = (
            "local holder = redis.call('GET', KEYS[1]) "
            "if holder and holder ~= ARGV[1] then return 0 end "
            "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1"
        )
        return bool(self._client.eval(script, 1, self._key, self._instance, str(LEASE_MS)))

    def leave(self) -> None:
        """Give the lease back at a clean end."""
        script = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
        self._client.eval(script, 1, self._key, self._instance)

    def say(self, state: State, detail: str, *, streams: tuple[StreamState, ...], figures: Mapping[str, float]) -> None:
        """Give a heartbeat."""
        beat = Heartbeat(
            program=self._program,
            instance=self._instance,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at_us=self._started_at_us,
            beat_at_us=_now_us(),
            state=state,
            detail=detail,
            streams=streams,
            figures=dict(figures),
        )
        write_heartbeat(self._client, self._exchange, beat)


def _beat_key(exchange: str, program: Program) -> str:
    return f"market_stream:{exchange}:{program}:heartbeat"


def _now_us() -> int:
    return time.time_ns() // 1_000
