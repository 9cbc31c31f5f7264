"""The newest rows of gold of one symbol, by the functions that batch makes gold with, as a table that a model reads.

Each row is computed from the window of its own day, as in batch: at the start of a day the rows before midnight are
those of the day before, and are not computed from today's window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa

from crypto_assets.features.inputs import LEAD_IN_DAYS, FeatureInputs
from crypto_assets.forecast.minutes import gold_rows
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.schemas import SILVER_KLINES, TIMEFRAMES
from crypto_assets.spans import MINUTE_US, from_us
from crypto_assets.stream.forecaster.days import CandleDays

BEFORE_US = 60 * MINUTE_US
"""So much more than a window is in a table: a window that begins with a carried close needs the candle it is from."""


@dataclass(frozen=True, slots=True)
class _Gold:
    """Rows of a day, and the silver tables that they were computed from."""

    silver: tuple[pa.Table, ...]
    features: pa.Table
    minutes: pa.Table
    """Silver candles of a minute of the day itself."""


class LiveRows:
    """Rows of gold of a symbol; a day that is over is computed once, unless its candles change."""

    step_us = MINUTE_US

    def __init__(self, days: CandleDays) -> None:
        self._days = days
        self._gold: dict[date, _Gold] = {}

    def table(self, features: Sequence[str], *, first_us: int, until_us: int) -> FeatureTable:
        """Rows with these features, at least those with `as_of` in [first_us, until_us], us UTC, and none after.

        `until_us` is when the newest candle closed. Of order book and perpetual nothing is known here: their features
        are null. Raises LakeError, or BadPayload where candles contradict each other.
        """
        first, last = (from_us(us - MINUTE_US).date() for us in (first_us - BEFORE_US, until_us))
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self._gold = {day: gold for day, gold in self._gold.items() if day in days}
        made = [self._of(day, until=from_us(until_us)) for day in days]
        return gold_rows([(gold.features, gold.minutes) for gold in made], symbol=self._days.symbol, features=features)

    def features(self, day: date, *, until: datetime) -> pa.Table:
        """Rows of gold of a day, of candles that closed by `until`."""
        return self._of(day, until=until).features

    def _of(self, day: date, *, until: datetime) -> _Gold:
        from crypto_assets.features.compute import compute_features

        silver = [self._days.silver(day - timedelta(days=back), until=until) for back in range(LEAD_IN_DAYS, -1, -1)]
        read = tuple(table for one in silver for table in one.values())
        held = self._gold.get(day)
        if held is None or not _same(held.silver, read):
            klines = {timeframe: _joined(silver, timeframe) for timeframe in TIMEFRAMES}
            features = compute_features(FeatureInputs(klines), day=day)
            held = self._gold[day] = _Gold(read, features, _joined(silver[-1:], "1m"))
        return held


def _same(some: Sequence[pa.Table], others: Sequence[pa.Table]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _joined(days: Sequence[dict[str, pa.Table]], timeframe: str) -> pa.Table:
    tables = [one[timeframe] for one in days if timeframe in one]
    return pa.concat_tables([SILVER_KLINES[timeframe].payload.empty_table(), *tables])
