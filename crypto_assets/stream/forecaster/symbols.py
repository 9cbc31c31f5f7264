"""What the forecaster holds of one symbol: its candles, its rows, and the closed candles that wait to be foretold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import MINUTE_US, TIMEFRAME_US, from_us, times_us
from crypto_assets.stream.forecaster.days import CandleDays
from crypto_assets.stream.forecaster.feed import Candles
from crypto_assets.stream.forecaster.rows import LiveRows

GRACE_S = 0.5
"""How long the candles of 5m and 15m that close with a minute are waited for; after that they are derived from its
minutes, as batch derives those that never came."""
REMEMBERED_US = 1_440 * MINUTE_US
"""A copy of a candle that was foretold is recognised for so long."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    as_of_us: int
    received_us: int
    since: float


class SymbolCandles:
    """Candles of one symbol as they come; not for several threads."""

    def __init__(self, lake: Lake, symbol: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.symbol = symbol
        self.days = CandleDays(lake, symbol)
        self.rows = LiveRows(self.days)
        self.newest_us = 0
        """When the newest candle of a minute closed, us UTC; 0 before the first."""
        self._monotonic = monotonic
        self._closed_us = dict.fromkeys(TIMEFRAMES, 0)
        self._waiting: dict[int, _Waiting] = {}
        self._foretold: set[int] = set()

    def take(self, candles: Candles) -> None:
        """Take candles that came; those of a minute that are new wait to be foretold, once each.

        One that comes late makes the newest one wait again, where that could not be foretold without it.
        """
        self.days.add(candles.timeframe, candles.rows)
        length_us = TIMEFRAME_US[candles.timeframe]
        closed = times_us(candles.rows["open_time"]) + length_us
        self._closed_us[candles.timeframe] = max(self._closed_us[candles.timeframe], int(closed.max()))
        if candles.timeframe != "1m":
            return
        self.newest_us = self._closed_us["1m"]
        if candles.is_new:
            received = times_us(candles.rows["received_at"])
            for as_of_us, received_us in zip(closed.tolist(), received.tolist(), strict=True):
                for moment in {as_of_us, self.newest_us} - self._foretold:
                    self._waiting.setdefault(moment, _Waiting(moment, received_us, self._monotonic()))

    @property
    def is_waiting(self) -> bool:
        """Whether a candle is to be foretold."""
        return bool(self._waiting)

    @property
    def is_ready(self) -> bool:
        """Whether one is, and what closed with it has come, or was waited for long enough."""
        if not self._waiting:
            return False
        with_it = [tf for tf in TIMEFRAMES if self.newest_us % TIMEFRAME_US[tf] == 0]
        if all(self._closed_us[timeframe] >= self.newest_us for timeframe in with_it):
            return True
        return self._monotonic() - max(one.since for one in self._waiting.values()) >= GRACE_S

    def waiting(self) -> Sequence[int]:
        """When the candles that wait closed, ascending; us UTC."""
        return sorted(self._waiting)

    def received_us(self, as_of_us: int) -> int:
        """When a candle that waits was received; when it closed where it does not wait."""
        waiting = self._waiting.get(as_of_us)
        return as_of_us if waiting is None else waiting.received_us

    def done(self, foretold: Iterable[int]) -> None:
        """Note that nothing waits any more, and of which candles there are predictions now."""
        self._foretold = {us for us in (*self._foretold, *foretold) if us > self.newest_us - REMEMBERED_US}
        self._waiting.clear()

    def refresh(self) -> None:
        """Look whether the lake knows better than what is held; raises LakeError."""
        if self.newest_us:
            self.days.refresh(from_us(self.newest_us - MINUTE_US).date())
