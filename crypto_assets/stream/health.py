"""What a program's last heartbeat says of it, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, redis_url
from crypto_assets.stream.heartbeat import STALE_AFTER_S, Heartbeat, Program, read_heartbeat

if TYPE_CHECKING:
    import redis

TIMEOUT_S = 2.0
START_REDIS = "Start the embedded one with `make up`, or see that the one of REDIS_URL runs."

PROGRAMS: tuple[Program, ...] = get_args(Program.__value__)
"""The programs of the market stream."""

type State = Literal["alive", "silent", "ended", "absent", "unknown"]
"""Silent: it says it runs, but has said so for the last time too long ago. Unknown: Redis cannot be asked, or what it
holds of the program is of another version."""

type Standing = Literal["ok", "failed", "absent", "unknown"]
"""Absent: nothing failed, but nothing runs either; whether it ought to is for the reader to know."""

_STANDINGS: Mapping[State, Standing] = {
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
    def standing(self) -> Standing:
        """What its state means to who relies on it."""
        return _STANDINGS[self.state]


def read_health(settings: Settings, programs: Sequence[Program] = PROGRAMS, *, now_us: int) -> list[Health]:
    """How programs of this environment do by their last heartbeats; `now_us` is the machine's clock.

    They are `unknown` where Redis does not answer. Raises ConfigurationError where none is named and none runs.
    """
    import redis

    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    try:
        with redis.Redis.from_url(redis_url(settings), **timeouts) as client:
            return read_programs(client, exchange_name(settings), programs, now_us=now_us)
    except (redis.RedisError, ValueError) as error:  # ValueError: its URL is none, and may hold a password
        return [unknown(program, f"{type(error).__name__}. {START_REDIS}") for program in programs]


def read_programs(
    client: redis.Redis, exchange: str, programs: Iterable[Program] = PROGRAMS, *, now_us: int
) -> list[Health]:
    """The same from an open client; raises redis.RedisError."""
    return [_read(client, exchange, program, now_us=now_us) for program in programs]


def _read(client: redis.Redis, exchange: str, program: Program, *, now_us: int) -> Health:
    try:
        return judge(program, read_heartbeat(client, exchange, program), now_us=now_us)
    except msgspec.DecodeError as error:
        sentence = f"{program}: its heartbeat is of another version of this project ({error}). Start it again."
        return Health(program, "unknown", sentence)


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
