"""What the page Health rests on: read from the lake, the disk, the services and Dagster, each by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from crypto_assets.config import Settings
from crypto_assets.dagster_home import open_dagster
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.calendar import DayCoverage, GapMinutes, coverage, gap_minutes
from crypto_assets.health.completeness import MINUTES, Completeness, completeness
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.gold import GoldQuality, gold_quality
from crypto_assets.health.report import MEDALLION
from crypto_assets.health.storage import (
    PRICES,
    DatasetSize,
    Disk,
    MonthCost,
    disks,
    month_cost,
    month_usage,
    sizes_of,
)
from crypto_assets.health.writes import LastWrite, last_writes
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE
from crypto_assets.stream.gap_table import GAP_LEDGER, gaps_of

SILVER_DAYS = 7
CALENDAR_DAYS = 30
EVENTS_OF = timedelta(days=7)
"""Runs and checks that changed in this time are looked at."""


@dataclass(frozen=True, slots=True)
class LakeFigures:
    """Freshness and worth of what the lake holds."""

    writes: tuple[LastWrite, ...]
    """Of every bronze dataset and symbol."""
    silver: tuple[Completeness, ...]
    """Of each symbol's last days that silver has, ascending by day."""
    gold: tuple[GoldQuality, ...]
    """Of each symbol's newest day of features."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        return not (self.silver or self.gold or any(write.day for write in self.writes))


@dataclass(frozen=True, slots=True)
class Storage:
    """What is kept, where it lies, and what it would cost elsewhere."""

    disks: tuple[Disk, ...]
    sizes: tuple[DatasetSize, ...]
    costs: tuple[MonthCost, ...]

    @property
    def fullest(self) -> Disk:
        """The disk with the least share left."""
        return min(self.disks, key=lambda disk: disk.free_share)

    @property
    def bytes(self) -> int:
        """Of the lake."""
        return sum(size.bytes for size in self.sizes)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days [start, end) of the lake."""

    start: date
    end: date
    days: tuple[DayCoverage, ...]


@dataclass(frozen=True, slots=True)
class Losses:
    """What the streams lost on days [start, end), by the gap ledger."""

    start: date
    end: date
    gaps: tuple[GapMinutes, ...]
    ledger_at: datetime | None
    """When the gap ledger was last written; None where there is none."""


@dataclass(frozen=True, slots=True)
class Events:
    """What Dagster remembers of the last days."""

    checks: tuple[CheckResult, ...]
    runs: tuple[RunState, ...]
    cut_at: datetime | None = None
    """When the oldest of the runs began, where there are more than are looked at."""

    @property
    def reach(self) -> str:
        """What they are of, in words."""
        return f"the last {EVENTS_OF.days} days" if self.cut_at is None else f"all since {self.cut_at:%Y-%m-%d %H:%M}"


def read_lake(lake: Lake, symbols: Sequence[str], *, now: datetime) -> LakeFigures:
    """The figures at a moment; raises LakeError."""
    silver = [count for symbol in symbols for count in _silver(lake, symbol, now=now)]
    newest = ((symbol, lake.newest_day(GOLD_FEATURES, symbol)) for symbol in symbols)
    gold = [found for symbol, day in newest if day and (found := gold_quality(lake, symbol, day))]
    return LakeFigures(tuple(last_writes(lake, symbols, datasets=BRONZE)), tuple(silver), tuple(gold))


def read_storage(lake: Lake, data_dir: Path, *, now: datetime) -> Storage:
    """It lists every file of the lake once; raises LakeError."""
    listed = list(lake.files.listed())
    usage = month_usage(lake, listed, now=now)
    return Storage(
        disks=tuple(disks(data_dir, lake=lake.uri)),
        sizes=tuple(sizes_of(listed)),
        costs=tuple(month_cost(usage, prices) for prices in PRICES.values()),
    )


def read_calendar(lake: Lake, symbols: Sequence[str], *, now: datetime) -> Calendar:
    """The CALENDAR_DAYS up to the newest day of silver or gold, or to today where there is none; raises LakeError."""
    newest = [day for s in symbols for d in (MINUTES, GOLD_FEATURES) if (day := lake.newest_day(d, s))]
    end = max(newest, default=now.date()) + timedelta(days=1)
    start = end - timedelta(days=CALENDAR_DAYS)
    return Calendar(start, end, tuple(coverage(lake, MEDALLION, symbols, start=start, end=end, now=now)))


def read_losses(lake: Lake, exchange: str, *, now: datetime) -> Losses:
    """What the ledger says of the CALENDAR_DAYS up to today; raises LakeError."""
    end = now.date() + timedelta(days=1)
    start = end - timedelta(days=CALENDAR_DAYS)
    ledger = lake.read(GAP_LEDGER, exchange, end)
    return Losses(
        start=start,
        end=end,
        gaps=() if ledger is None else tuple(gap_minutes(gaps_of(ledger), start=start, end=end)),
        ledger_at=lake.files.written_at(GAP_LEDGER.partition_path(exchange, end)),
    )


def read_events(settings: Settings, *, environment: Mapping[str, str], now: datetime) -> Events | None:
    """What Dagster remembers; None where it never ran for this project.

    It imports Dagster, which takes seconds.
    """
    opened = open_dagster(settings.data_dir, environment=environment)
    if opened is None:
        return None
    from crypto_assets.health import dagster_events

    since = now - EVENTS_OF
    with opened as instance:
        runs = tuple(dagster_events.recent_runs(instance, since=since))
        is_cut = len(runs) == dagster_events.MOST_RUNS
        return Events(
            checks=tuple(dagster_events.latest_checks(instance, since=since)),
            runs=runs,
            cut_at=runs[-1].started_at if is_cut else None,
        )


def _silver(lake: Lake, symbol: str, *, now: datetime) -> list[Completeness]:
    """The last days of silver of a symbol: from its first day within the week before the newest one to that one."""
    newest = lake.newest_day(MINUTES, symbol)
    if newest is None:
        return []
    week = [newest - timedelta(days=back) for back in range(SILVER_DAYS - 1, -1, -1)]
    first = next(day for day in week if lake.has(MINUTES, symbol, day))
    return completeness(lake, [symbol], [day for day in week if day >= first], now=now)
