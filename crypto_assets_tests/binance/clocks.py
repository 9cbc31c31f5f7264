"""A clock that moves only when somebody sleeps by it."""

from __future__ import annotations


class FakeClock:
    """Seconds since 1970 that `sleep` moves on; `slept` lists the pauses."""

    def __init__(self, now: float = 1_722_470_400.0) -> None:  # 2024-08-01 00:00:00 UTC, the start of a minute
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
