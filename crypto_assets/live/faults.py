"""What a soak breaks, and when: a function of a seed, so that a soak that found something can be repeated."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from crypto_assets.simulator.stream_faults import (
    AnyStreamFault,
    Burst,
    ClockJump,
    Damage,
    Disconnect,
    DuplicateEvents,
    LateEvents,
    MalformedMessage,
    OutOfOrder,
    ServerShutdown,
    SilentStream,
    SlowStreamServer,
)

type Program = Literal["collector", "processor", "forecaster", "kafka", "redis", "postgres", "simulator", "daemon"]

PROGRAMS: tuple[Program, ...] = get_args(Program.__value__)
"""What is killed, each alone and two at once."""
PAIRS_IN_A_ROUND = 3
LONGEST_AWAY_S = 20.0
LONGEST_FAULT_S = 40.0
MALFORMED = 20
"""Messages that one fault spoils; a huge one has a megabyte."""
REFUSED_S = 60.0
"""PostgreSQL is away this long once in every round."""


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL of programs, all at once; they stay away for a while before they are started again."""

    programs: tuple[Program, ...]
    away_s: float

    def __str__(self) -> str:
        return f"SIGKILL of {' and '.join(self.programs)}, away for {self.away_s:.0f} s"


@dataclass(frozen=True, slots=True)
class FlushRedis:
    """FLUSHALL."""

    def __str__(self) -> str:
        return "Redis flushed"


@dataclass(frozen=True, slots=True)
class ExchangeFault:
    """A scripted fault of the exchange's streams, and for how long it is in force."""

    script: AnyStreamFault
    lasts_s: float

    @property
    def action(self) -> str:
        """What the simulator calls it."""
        return str(self.script.__struct_config__.tag)

    def __str__(self) -> str:
        values = ((field, getattr(self.script, field.name)) for field in msgspec.structs.fields(self.script))
        details = ", ".join(f"{field.name}={value}" for field, value in values if value != field.default)
        return f"exchange: {self.action} for {self.lasts_s:.0f} s ({details})"


type Fault = Kill | FlushRedis | ExchangeFault


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, and the second of the soak at which it happens."""

    at_s: float
    fault: Fault


def plan_faults(
    seed: int, *, symbols: Sequence[str], first_s: float, last_s: float, every_s: float
) -> tuple[Planned, ...]:
    """Faults in [first_s, last_s), on average one in `every_s` seconds, at moments that the seed draws.

    They come in rounds, each in an order of its own: every program alone, some pairs, PostgreSQL away for a minute,
    Redis flushed, and every fault of the exchange. So a soak of a round's length meets all of them.
    """
    draw = random.Random(seed)  # nosec B311 # no secret is drawn
    dealt = _rounds(draw, symbols)
    planned: list[Planned] = []
    at_s = first_s + draw.uniform(0, every_s)
    while at_s < last_s:
        planned.append(Planned(at_s, next(dealt)))
        at_s += draw.uniform(0.5, 1.5) * every_s
    return tuple(planned)


def _rounds(draw: random.Random, symbols: Sequence[str]) -> Iterator[Fault]:
    alone: list[tuple[Program, ...]] = [(program,) for program in PROGRAMS]
    while True:
        pairs = [tuple(draw.sample(PROGRAMS, 2)) for _ in range(PAIRS_IN_A_ROUND)]
        faults: list[Fault] = [
            *(Kill(programs, away_s=draw.uniform(0, LONGEST_AWAY_S)) for programs in [*alone, *pairs]),
            Kill(("postgres",), away_s=REFUSED_S),
            FlushRedis(),
            *(ExchangeFault(script, lasts_s=draw.uniform(5, LONGEST_FAULT_S)) for script in _scripts(draw, symbols)),
        ]
        draw.shuffle(faults)
        yield from faults


def _scripts(draw: random.Random, symbols: Sequence[str]) -> list[AnyStreamFault]:
    """Every fault of the exchange once, each on a symbol of its own choice; seconds are those of its clock."""

    def symbol() -> str:
        return draw.choice(symbols)

    damages: tuple[Damage, ...] = get_args(Damage.__value__)
    return [
        Disconnect(symbol=symbol()),
        ServerShutdown(symbol=symbol(), notice_s=3.0),
        SilentStream(stream=f"{symbol().lower()}@trade"),
        SilentStream(stream=f"{symbol().lower()}@kline_1m"),
        DuplicateEvents(symbol=symbol(), copies=2),
        LateEvents(symbol=symbol(), delay_s=30.0),
        OutOfOrder(symbol=symbol(), messages=8),
        Burst(symbol=symbol(), hold_s=30.0),
        SlowStreamServer(symbol=symbol(), messages_per_second=20.0),
        ClockJump(symbol=symbol(), seconds=draw.choice((-1, 1)) * 3600.0),
        *(MalformedMessage(symbol=symbol(), damage=damage, times=MALFORMED) for damage in damages),
    ]
