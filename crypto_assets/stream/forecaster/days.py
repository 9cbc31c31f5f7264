"""Days of one symbol's candles as they are known now, cleaned as batch cleans them.

A day that is over is read from the lake's silver, where that knows the whole of it. Any other is cleaned here, by the
same `clean_klines`, from the lake's bronze and from what Kafka brought since. What was cleaned is kept until a row of
it, or the candle beside it, changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.candles import NEIGHBOUR_DAYS, Candle, end_candles, nearest_candle
from crypto_assets.cleaning.klines import clean_klines
from crypto_assets.features.inputs import LEAD_IN_DAYS
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Position
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES, TIMEFRAMES
from crypto_assets.spans import DAY_US, EPOCH, day_span, times_us

KEPT_DAYS = 2 * LEAD_IN_DAYS + NEIGHBOUR_DAYS
"""Days before the newest that are held in memory."""
_SAME_ROW = ["open_time", "source", "topic", "partition", "offset", "received_at"]

type Stamp = datetime | None
"""When the lake last wrote a day, by the clock of its store; None where it has none."""


@dataclass(slots=True)
class _Cleaned:
    """Silver that was made here, and what it was made from."""

    bronze: pa.Table
    minutes: pa.Table | None
    ends: tuple[Candle | None, Candle | None]
    until: datetime
    table: pa.Table

    def is_of(
        self,
        bronze: pa.Table,
        minutes: pa.Table | None,
        ends: tuple[Candle | None, Candle | None],
        until: datetime,
    ) -> bool:
        return self.bronze is bronze and self.minutes is minutes and self.ends == ends and self.until == until


@dataclass(slots=True)
class _Held:
    """One day of one timeframe."""

    is_read: bool = False
    """Whether the lake was looked at."""
    silver_stamp: Stamp = None
    bronze_stamp: Stamp = None
    silver: pa.Table | None = None
    """Of the lake, where it knows the whole day."""
    stored: pa.Table | None = None
    """Bronze of the lake; not read where there is silver."""
    live: pa.Table | None = None
    """Rows that Kafka brought."""
    joined: pa.Table | None = None
    cleaned: _Cleaned | None = None
    edges: tuple[pa.Table, Candle | None, Candle | None] | None = None

    @property
    def bronze(self) -> pa.Table | None:
        """All rows that are stored or were brought, each once; None where there is none."""
        if self.joined is None:
            tables = [table for table in (self.stored, self.live) if table is not None]
            self.joined = _distinct(tables) if len(tables) > 1 else next(iter(tables), None)
        return self.joined

    def add(self, rows: pa.Table) -> None:
        """Take rows that Kafka brought; as one piece, for many tables of a row take a hundred times their bytes."""
        self.live = rows if self.live is None else pa.concat_tables([self.live, rows]).combine_chunks()
        self.joined = None


class CandleDays:
    """Candles of a symbol; not for several threads. Methods that read the lake raise LakeError."""

    def __init__(self, lake: Lake, symbol: str) -> None:
        self.symbol = symbol
        self._lake = lake
        self._held: dict[tuple[date, str], _Held] = {}

    def add(self, timeframe: str, rows: pa.Table) -> None:
        """Take rows of bronze, of any days and in any order; the lake is not looked at."""
        days = times_us(rows["open_time"]) // DAY_US
        for day in np.unique(days):
            held = self._held.setdefault((EPOCH.date() + timedelta(days=int(day)), timeframe), _Held())
            held.add(rows.filter(pa.array(days == day)))

    def refresh(self, newest: date) -> None:
        """Read again what the lake has other versions of, and forget days that nothing reads any more."""
        for key in [key for key in self._held if key[0] < newest - timedelta(days=KEPT_DAYS)]:
            del self._held[key]
        for (day, timeframe), held in self._held.items():
            if held.is_read:
                self._read(held, day, timeframe)

    def silver(self, day: date, *, until: datetime) -> dict[str, pa.Table]:
        """Silver candles of a day up to a moment, of those timeframes that have some; what lies after is not cut off
        where it is known, which changes no row before it."""
        found: dict[str, pa.Table] = {}
        for timeframe in TIMEFRAMES:
            table = self._silver(day, timeframe, until=until, minutes=found.get("1m"))
            if table is not None:
                found[timeframe] = table
        return found

    def positions(self, newest: date) -> Iterator[tuple[str, tuple[Position, ...]]]:
        """For each timeframe how far the newest day of bronze was read from Kafka; none where no day was."""
        for timeframe, dataset in BRONZE_KLINES.items():
            for back in range(KEPT_DAYS):
                manifest = self._lake.manifest(dataset, self.symbol, newest - timedelta(days=back))
                if manifest is not None and manifest.positions:
                    yield timeframe, manifest.positions
                    break

    def _silver(self, day: date, timeframe: str, *, until: datetime, minutes: pa.Table | None) -> pa.Table | None:
        span = day_span(day)
        held, is_over = self._of(day, timeframe), span.end <= until
        if is_over and held.silver is not None:
            return held.silver
        bronze = held.bronze
        if bronze is None and minutes is None:
            return None
        if bronze is None:  # longer candles that were not sent are derived
            bronze = held.joined = BRONZE_KLINES[timeframe].schema.empty_table()
        end = min(span.end, until)

        def edges(days: int) -> tuple[Candle | None, Candle | None]:
            return self._edges(day + timedelta(days=days), timeframe)

        ends = (nearest_candle(edges, direction=-1), nearest_candle(edges, direction=1))
        made = held.cleaned
        if made is None or not made.is_of(bronze, minutes, ends, end):
            before, after = ends
            # Halts are left out: they name the cause of a gap, which features do not read.
            table = clean_klines(
                bronze,
                timeframe=timeframe,
                start=span.start,
                end=end,
                before=before,
                after=after,
                klines_1m=None if timeframe == "1m" else minutes,
            ).table
            made = held.cleaned = _Cleaned(bronze, minutes, ends, end, table)
        return made.table

    def _edges(self, day: date, timeframe: str) -> tuple[Candle | None, Candle | None]:
        held = self._of(day, timeframe)
        rows = held.silver if held.silver is not None else held.bronze
        if rows is None:
            return None, None
        if held.edges is None or held.edges[0] is not rows:
            held.edges = rows, *end_candles(rows, timeframe=timeframe)
        return held.edges[1:]

    def _of(self, day: date, timeframe: str) -> _Held:
        held = self._held.setdefault((day, timeframe), _Held())
        if not held.is_read:
            self._read(held, day, timeframe)
            held.is_read = True
        return held

    def _read(self, held: _Held, day: date, timeframe: str) -> None:
        """Read what the lake has written since it was read last."""
        silver, bronze = SILVER_KLINES[timeframe], BRONZE_KLINES[timeframe]
        stamp = self._lake.files.written_at(silver.partition_path(self.symbol, day))
        if stamp != held.silver_stamp:
            held.silver_stamp = stamp
            held.silver = self._lake.read(silver, self.symbol, day) if self._is_whole(day, timeframe) else None
        if held.silver is not None:
            return
        stamp = self._lake.written_at(bronze, self.symbol, day)
        if stamp != held.bronze_stamp:
            held.bronze_stamp, held.joined = stamp, None
            held.stored = self._lake.read(bronze, self.symbol, day)

    def _is_whole(self, day: date, timeframe: str) -> bool:
        """Whether the lake's silver was made once the day was over."""
        silver = self._lake.outline(SILVER_KLINES[timeframe], self.symbol, day)
        known_until = silver and silver.notes.get("known_until")
        return known_until is not None and datetime.fromisoformat(known_until) >= day_span(day).end


def _distinct(tables: list[pa.Table]) -> pa.Table:
    """The rows of all, those that bronze took from Kafka meanwhile only once."""
    frame = pl.DataFrame(pl.from_arrow(pa.concat_tables(tables)))
    return frame.unique(subset=_SAME_ROW, keep="first", maintain_order=True).to_arrow().cast(tables[0].schema)
