"""What a program's last heartbeat says of it, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import redis

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, redis_url
from crypto_assets.stream.heartbeat import STALE_AFTER_S, Heartbeat, Program, read_heartbeat

TIMEOUT_S = 2.0

PROGRAMS: tuple[Program, ...] = get_args(Program.__value__)
"""The programs of the market stream."""

type State = Literal["alive", "silent", "ended", "absent", "unknown"]
"""Silent: it says it runs, but has said so for the last time too long ago. Unknown: Redis cannot be asked."""

type Severity = Literal["ok", "failed", "absent", "unknown"]
"""Absent: nothing failed, but nothing runs either; whether it ought to is for the reader to know."""

_SEVERITIES: Mapping[State, Severity] = {
    "alive": "ok",
    "silent": "failed",
    "ended": "failed",
    "absent": "absent",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Health:
    """How a program does."""

    program: Program
    state: State
    sentence: str
    beat: Heartbeat | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it can be taken to run."""
        return self.state == "alive"

    @property
    def severity(self) -> Severity:
        """How bad its state is."""
        return _SEVERITIES[self.state]


def read_health(settings: Settings, programs: Iterable[Program] = PROGRAMS, *, now_us: int) -> list[Health]:
    """How programs of this environment do by their last heartbeats; `now_us` is the machine's clock.

    Raises ConfigurationError where no Redis is named and none runs, ValueError where its URL is none, redis.RedisError
    where it does not answer, and msgspec.DecodeError where a heartbeat is of another version.
    """
    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    with redis.Redis.from_url(redis_url(settings), **timeouts) as client:
        return read_programs(client, exchange_name(settings), programs, now_us=now_us)


def read_programs(
    client: redis.Redis, exchange: str, programs: Iterable[Program] = PROGRAMS, *, now_us: int
) -> list[Health]:
    """The same from an open client; raises what asking and decoding raise."""
    return [judge(program, read_heartbeat(client, exchange, program), now_us=now_us) for program in programs]


def judge(program: Program, beat: Heartbeat | None, *, now_us: int) -> Health:
    """How a program does by its last beat; `now_us` is the machine's clock."""
    if beat is None:
        return Health(program, "absent", f"{program}: no heartbeat; it did not run in the last hour.")
    ago_s = max(0.0, (now_us - beat.beat_at_us) / 1_000_000)
    who = f"{program} (pid {beat.pid} on {beat.host})"
    if beat.is_alive(now_us=now_us):
        return Health(program, "alive", f"{who} is {beat.state}{_flow(beat)}.", beat)
    why = f": {beat.detail}" if beat.detail else "."
    if beat.state in ("starting", "running"):
        sentence = f"{who} said nothing for {ago_s:.0f} s, where {STALE_AFTER_S:.0f} s are allowed; it was {beat.state}"
        return Health(program, "silent", sentence + why, beat)
    return Health(program, "ended", f"{who} is {beat.state} since {ago_s:.0f} s{why}", beat)


def unknown(program: Program, reason: str) -> Health:
    """Nothing can be told of it."""
    return Health(program, "unknown", f"{program}: Redis cannot be asked how it does: {reason}")


def _flow(beat: Heartbeat) -> str:
    if not beat.streams:
        return f" ({beat.detail})" if beat.detail else ""
    rate = sum(stream.rate for stream in beat.streams)
    silent = [f"{stream.topic} {stream.symbol}" for stream in beat.streams if stream.silent]
    text = f": {rate:,.1f} messages/s of {len(beat.streams)} streams"
    text += f", of which {len(silent)} are silent ({', '.join(silent[:3])})" if silent else ""
    return text + (f" ({beat.detail})" if beat.detail else "")
