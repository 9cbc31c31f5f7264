"""When what is killed: a function of a seed, so that a run that found something can be repeated."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

type Aim = Literal["run", "family", "service"]
"""The process of the run; one that it started, such as Java or a training; a service that it uses."""

AIMS: tuple[Aim, ...] = get_args(Aim.__value__)
WEIGHTS = (6, 3, 1)
EARLIEST, LATEST = 0.5, 1.5
"""Of the mean, evenly in between."""
GROWTH = 1.25
"""How much longer the mean becomes with each attempt that failed: else what takes a minute would never be done."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One kill to come."""

    wait: float
    """Since the one before, or since the beginning of the attempt, in means."""
    aim: Aim
    pick: float
    """Which of those that it may hit, from 0 to 1."""

    def wait_s(self, mean_s: float, *, failed: int) -> float:
        """Seconds to wait, of an order that failed so many times already."""
        return self.wait * mean_s * GROWTH**failed

    def chosen[T](self, candidates: Sequence[T]) -> T:
        """The one that is hit; there has to be one."""
        return candidates[int(self.pick * len(candidates))]


def plan_blows(seed: int) -> Iterator[Blow]:
    """Kills without end."""
    draw = random.Random(seed)  # nosec B311 # no secret is drawn
    while True:
        (aim,) = draw.choices(AIMS, WEIGHTS)
        yield Blow(draw.uniform(EARLIEST, LATEST), aim, draw.random())
