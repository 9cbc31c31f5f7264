"""Waiting for what another process does: a condition with a deadline, never a guessed pause."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_S = 0.2


def wait_for[T](look: Callable[[], T], *, until: Callable[[T], bool], deadline_s: float) -> T:
    """What was seen when the condition held; raises AssertionError with the last sight at the deadline."""
    end = time.monotonic() + deadline_s
    seen = look()
    while not until(seen):
        assert time.monotonic() < end, f"not reached within {deadline_s:.0f} s; last seen: {seen}"
        time.sleep(POLL_S)
        seen = look()
    return seen
