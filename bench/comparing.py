"""Figures held against an aim, and against those of a former run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.declared import Better
from bench.noise import Figure

LEAST = 0.02
"""A change of less is not told, however small the noise: two starts of one program differ as much."""

type Verdict = Literal["met", "missed", "open"]
"""`open`: the aim lies within the noise."""


@dataclass(frozen=True, slots=True)
class Change:
    """Whether a figure differs from a former one beyond the noise of both."""

    kind: Literal["better", "worse", "same", "unknown"]
    """`unknown`: one of the two was taken once, which tells no noise."""
    percent: float
    """From the former median to this one."""


def verdict_of(figure: Figure, *, aim: float | None, better: Better) -> Verdict | None:
    """Nothing without an aim. An aim is met where it is reached exactly."""
    if aim is None:
        return None
    reached = [value <= aim if better == "lower" else value >= aim for value in (figure.low, figure.high)]
    return "met" if all(reached) else "open" if any(reached) else "missed"


def change_of(figure: Figure, former: Figure, *, better: Better) -> Change:
    """Changed where the intervals do not overlap and the medians are apart by more than LEAST."""
    apart = figure.median - former.median
    percent = 100 * apart / abs(former.median) if former.median else 0.0
    if figure.n < 2 or former.n < 2:
        return Change("unknown", percent)
    overlap = figure.low <= former.high and former.low <= figure.high
    if overlap or abs(apart) <= LEAST * abs(former.median):
        return Change("same", percent)
    return Change("better" if (apart < 0) == (better == "lower") else "worse", percent)
