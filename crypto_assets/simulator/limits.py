"""Request limits: weights counted by the minute, 429 above them, 418 for who goes on asking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from crypto_assets.simulator.replies import ApiError
from crypto_assets.spans import MINUTE_US, SECOND_US

_PATIENCE = 10  # requests answered 429 within one window before the address is banned
_BAN_US = 2 * MINUTE_US  # the shortest ban the exchange gives


class LimitExceeded(ApiError):
    """Raised for a request over the limit (429), or from a banned address (418), with the seconds to wait."""

    def __init__(self, code_message: str, *, status: int, retry_after_s: int) -> None:
        super().__init__(-1003, code_message, status=status)
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class WeightLimit:
    """The weight that one address may use in a window of the wall clock; windows begin at multiples of their length."""

    limit: int
    wall_us: Callable[[], int]
    window_us: int = MINUTE_US
    unit: str = "request weight per 1 MINUTE"
    header: str = "X-MBX-USED-WEIGHT-1M"
    """Header that tells the weight used."""
    _window: int = field(default=-1, init=False)
    _used: int = field(default=0, init=False)
    _refused: int = field(default=0, init=False)
    _banned_until_us: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def charge(self, weight: int) -> int:
        """Weight used in this window, this request included; raises LimitExceeded above the limit."""
        with self._lock:
            return self._charge(weight, self.wall_us())

    def _charge(self, weight: int, now_us: int) -> int:
        if now_us < self._banned_until_us:
            raise self._ban(now_us)
        window = now_us // self.window_us
        if window != self._window:
            self._window, self._used, self._refused = window, 0, 0
        self._used += weight
        if self._used > self.limit:
            raise self._refuse(now_us)
        return self._used

    @property
    def used(self) -> int:
        """Weight used in the window of the last request."""
        return self._used

    def _refuse(self, now_us: int) -> LimitExceeded:
        self._refused += 1
        if self._refused > _PATIENCE:
            self._banned_until_us = now_us + _BAN_US
            return self._ban(now_us)
        return LimitExceeded(
            f"Too much request weight used; current limit is {self.limit} {self.unit}. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            status=429,
            retry_after_s=_seconds_up(self.window_us - now_us % self.window_us),
        )

    def _ban(self, now_us: int) -> LimitExceeded:
        return LimitExceeded(
            f"Way too much request weight used; IP banned until {self._banned_until_us // 1000}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
            status=418,
            retry_after_s=_seconds_up(self._banned_until_us - now_us),
        )


def _seconds_up(duration_us: int) -> int:
    return -(-duration_us // SECOND_US)
