"""What each row of a set is good for, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from crypto_assets.forecast.samples import is_usable
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.spans import day_span, to_us


@dataclass(frozen=True, slots=True)
class DayRows:
    """Rows of a day, each counted once."""

    usable: int
    """Real, warm, and every value a number: a window may end with them if those before them are good too."""
    filled: int
    """Their own candle was not real."""
    cold: int
    """Real, but a feature had too few candles, or a value is null or no number."""
    gap: int
    """Candles that could have been known and are not there."""


def rows_by_day(table: FeatureTable, days: Sequence[date], *, known_until_us: int) -> dict[date, DayRows]:
    """Counts of each of the days, of candles that had closed by `known_until_us` (us UTC)."""
    usable = is_usable(table)
    counted: dict[date, DayRows] = {}
    for day in days:
        span = day_span(day)
        start_us, end_us = to_us(span.start), max(to_us(span.start), min(to_us(span.end), known_until_us))
        rows = slice(*np.searchsorted(table.open_us, [start_us, to_us(span.end)]).tolist())
        real, good = table.is_real[rows], usable[rows]
        counted[day] = DayRows(
            usable=int((real & good).sum()),
            filled=int((~real).sum()),
            cold=int((real & ~good).sum()),
            gap=max(0, (end_us - start_us) // table.step_us - real.size),
        )
    return counted
