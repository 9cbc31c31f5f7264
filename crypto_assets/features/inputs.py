"""What a day of features is computed from, and how it is cut at a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import pyarrow as pa

from crypto_assets.flags import is_flagged
from crypto_assets.schemas import SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL, Dataset
from crypto_assets.spans import day_span, to_us

LEAD_IN_DAYS = 4
"""Days before the day from which candles are read: 384 candles of 15m, of which RECURSION_CANDLES are needed."""
BOOK_LEAD_IN = timedelta(hours=1)
"""Order book read before the day."""
PERPETUAL_LEAD_IN = timedelta(days=1)
"""Perpetual states read before the day."""
LOOK_BACK_DAYS: Mapping[Dataset, int] = {
    **dict.fromkeys(SILVER_KLINES.values(), LEAD_IN_DAYS),
    SILVER_ORDERBOOK: 1,
    SILVER_PERPETUAL: 1,
}
"""Days before its own that a day of features reads of each dataset."""


class Source(StrEnum):
    """What must have been recorded for a feature to have a value."""

    KLINES = "klines"
    ORDERBOOK = "orderbook"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"
    MARK_PRICE = "mark_price"
    LIQUIDATIONS = "liquidations"


@dataclass(frozen=True, slots=True)
class FeatureInputs:
    """Silver tables of one symbol, sorted by time; rows outside the window of a day are not read.

    klines: table of each timeframe, from LEAD_IN_DAYS before the day to its end; one may start later or be missing.
    orderbook: from BOOK_LEAD_IN before the day. perpetual: from PERPETUAL_LEAD_IN before it. None where nothing was
    captured.
    """

    klines: Mapping[str, pa.Table]
    orderbook: pa.Table | None = None
    perpetual: pa.Table | None = None

    def candles(self, timeframe: str) -> pa.Table:
        """Candles of a timeframe without those that open off its grid: they stand for no minute and give no row."""
        table = self.klines.get(timeframe, SILVER_KLINES[timeframe].payload.empty_table())
        off_grid = is_flagged(table, "off_grid")
        return table.filter(pa.array(~off_grid)) if off_grid.any() else table


def gather_inputs(day: date, read: Callable[[Dataset, date], pa.Table | None]) -> FeatureInputs:
    """What a day is computed from, of the days that `read` has, each whether or not there is anything of another one.

    `read` gives None for what is not there. Of the evening before, the last BOOK_LEAD_IN of the order book is enough;
    it is read even where the day itself has no state: early rows cannot know whether one will follow.
    """
    days = {
        dataset: [read(dataset, day - timedelta(days=ago)) for ago in range(back, -1, -1)]
        for dataset, back in LOOK_BACK_DAYS.items()
    }
    held = {
        dataset: [rows for rows in tables if rows is not None and rows.num_rows] for dataset, tables in days.items()
    }
    joined = {dataset: pa.concat_tables(tables) for dataset, tables in held.items() if tables}
    return FeatureInputs(
        {timeframe: joined[dataset] for timeframe, dataset in SILVER_KLINES.items() if dataset in joined},
        joined.get(SILVER_ORDERBOOK),
        joined.get(SILVER_PERPETUAL),
    )


@dataclass(frozen=True, slots=True)
class Anchor:
    """The moments, in microseconds, from which each input of a day is read; the same for every row of the day."""

    klines_us: int
    orderbook_us: int
    perpetual_us: int
    day_us: int
    end_us: int


def anchor_of(day: date) -> Anchor:
    """Where the inputs of a day begin and end."""
    span = day_span(day)
    return Anchor(
        klines_us=to_us(span.start - timedelta(days=LEAD_IN_DAYS)),
        orderbook_us=to_us(span.start - BOOK_LEAD_IN),
        perpetual_us=to_us(span.start - PERPETUAL_LEAD_IN),
        day_us=to_us(span.start),
        end_us=to_us(span.end),
    )
