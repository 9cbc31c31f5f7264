"""What a soak breaks, and when: a function of a seed, so that a soak that found something can be repeated."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

type Program = Literal["collector", "processor", "kafka", "redis", "postgres", "simulator", "daemon"]

PROGRAMS: tuple[Program, ...] = get_args(Program.__value__)
"""What is killed, each alone and two at once."""
EXCHANGE_FAULTS = ("disconnect", "silent_stream", "duplicate", "late", "out_of_order", "malformed_message", "burst")
"""Faults of the exchange's streams, by the `action` that the simulator knows them by."""

PAIRS_IN_A_ROUND = 3
LONGEST_AWAY_S = 20.0
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
    """A scripted fault of the exchange's streams, on one symbol."""

    action: str
    symbol_number: int
    """Which symbol, by its place in SYMBOLS, counted round."""

    def __str__(self) -> str:
        return f"exchange: {self.action.replace('_', ' ')}"


type Fault = Kill | FlushRedis | ExchangeFault


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, and the second of the soak at which it happens."""

    at_s: float
    fault: Fault


def plan_faults(seed: int, *, first_s: float, last_s: float, every_s: float) -> tuple[Planned, ...]:
    """Faults in [first_s, last_s), on average one in `every_s` seconds, at moments that the seed draws.

    They come in rounds, each in an order of its own: every program alone, some pairs, PostgreSQL away for a minute,
    Redis flushed, and every fault of the exchange. So a soak of a round's length meets all of them.
    """
    draw = random.Random(seed)
    dealt = _rounds(draw)
    planned: list[Planned] = []
    at_s = first_s + draw.uniform(0, every_s)
    while at_s < last_s:
        planned.append(Planned(at_s, next(dealt)))
        at_s += draw.uniform(0.5, 1.5) * every_s
    return tuple(planned)


def _rounds(draw: random.Random) -> Iterator[Fault]:
    while True:
        alone: list[tuple[Program, ...]] = [(program,) for program in PROGRAMS]
        pairs = [tuple(draw.sample(PROGRAMS, 2)) for _ in range(PAIRS_IN_A_ROUND)]
        faults: list[Fault] = [
            *(Kill(programs, away_s=draw.uniform(0, LONGEST_AWAY_S)) for programs in [*alone, *pairs]),
            Kill(("postgres",), away_s=REFUSED_S),
            FlushRedis(),
            *(ExchangeFault(action, symbol_number=draw.randrange(100)) for action in EXCHANGE_FAULTS),
        ]
        draw.shuffle(faults)
        yield from faults
