"""Ratios that hold on any machine: two things measured alternately, the best of several rounds each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what was measured, and what the project aims at."""

    what: str
    ours: str
    bare: str = ""
    ratio: float | None = None
    aim: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Best times in seconds of ours and of the bare library calls."""

    ours_s: float
    bare_s: float

    @property
    def ratio(self) -> float:
        """How many times longer ours takes."""
        return self.ours_s / self.bare_s

    def line(self, what: str, *, aim: str) -> Line:
        """Both times in milliseconds."""
        return Line(what, f"{self.ours_s * 1e3:,.1f} ms", f"{self.bare_s * 1e3:,.1f} ms", self.ratio, aim)


def side_by_side(ours: Callable[[], object], bare: Callable[[], object], *, rounds: int) -> Pair:
    """Times of both, warmed up by one unmeasured call each, alternating so that a slow moment hits both."""
    ours()
    bare()
    times = [(_seconds(ours), _seconds(bare)) for _ in range(rounds)]
    return Pair(min(ours_s for ours_s, _ in times), min(bare_s for _, bare_s in times))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
