"""What time it is for the simulated exchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from crypto_assets.simulator.market.calendar import number_of
from crypto_assets.spans import DAY_US, HOUR_US, MINUTE_US, SECOND_US, from_us, to_us

_UNIT_US = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US, "w": 7 * DAY_US, "M": 31 * DAY_US}


def read_wall_us() -> int:
    """Now, by the machine's clock, in microseconds."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Clock:
    """The exchange's clock: the machine's, one that started elsewhere and runs on, or one that stands still."""

    now_us: Callable[[], int]
    speed: float = 1.0
    """Seconds of the exchange in a second of the machine."""

    @classmethod
    def real(cls) -> Clock:
        """The machine's own clock."""
        return cls(read_wall_us)

    @classmethod
    def started_at(
        cls,
        instant: datetime,
        *,
        since: datetime | None = None,
        speed: float = 1.0,
        wall_us: Callable[[], int] = read_wall_us,
    ) -> Clock:
        """A clock that showed `instant` when the machine's showed `since` (now), and has run at `speed` from then on.

        It never runs ahead of the machine's clock: what catches up with it goes on at its pace.
        """
        start_us, since_us = to_us(instant), wall_us() if since is None else to_us(since)

        def now_us() -> int:
            wall = wall_us()
            return min(wall, start_us + int((wall - since_us) * speed))

        return cls(now_us, speed)

    @classmethod
    def frozen_at(cls, instant: datetime) -> Clock:
        """A clock that always shows `instant`."""
        stopped_us = to_us(instant)
        return cls(lambda: stopped_us, 0.0)


def day_start_us(day: date) -> int:
    """First microsecond of a UTC day."""
    return number_of(day) * DAY_US


def day_at(time_us: int) -> date:
    """UTC day of a moment."""
    return from_us(time_us).date()


def longest_candle_us(interval: str) -> int:
    """Length of a candle of Binance's interval such as `15m`; of a month's, the longest."""
    return int(interval[:-1]) * _UNIT_US[interval[-1]]
