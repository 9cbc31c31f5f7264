"""What is known of the health of a day: everything that a report says, gathered once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.calendar import DayCoverage, GapMinutes, coverage, gap_minutes
from crypto_assets.health.completeness import Completeness, completeness
from crypto_assets.health.events import CheckResult, RunState, checks_of_day, runs_of_day
from crypto_assets.health.gold import GoldQuality, gold_quality
from crypto_assets.health.lag import StreamLag, stream_lags
from crypto_assets.health.storage import (
    DatasetSize,
    Disk,
    MonthCost,
    disks,
    month_cost,
    month_usage,
    prices_of,
    sizes_of,
)
from crypto_assets.health.writes import LastWrite, last_writes
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE, SILVER, Dataset
from crypto_assets.spans import day_span
from crypto_assets.stream.gap_table import GAP_LEDGER, gaps_of
from crypto_assets.stream.health import Health

type Section = Literal[
    "checks", "runs", "freshness", "completeness", "features", "streams", "gaps", "disk", "storage", "cost"
]

REPORT = "health_report"
"""The asset of the report, whose own checks it does not repeat."""
MEDALLION: tuple[Dataset, ...] = (*BRONZE, *SILVER, GOLD_FEATURES)
"""Datasets that have a day of each symbol, from the exchange to the features."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be looked at; the rest of the report stands."""

    section: Section
    dataset: str
    symbol: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """A day as it was seen at a moment."""

    day: date
    made_at: datetime
    exchange: str
    symbols: tuple[str, ...]
    checks: tuple[CheckResult, ...] | None
    """None where Dagster was not asked."""
    runs: tuple[RunState, ...] | None
    writes: tuple[LastWrite, ...]
    completeness: tuple[Completeness, ...]
    coverage: tuple[DayCoverage, ...]
    """Of the datasets of the medallion but silver_klines_1m, which `completeness` looks into."""
    gold: tuple[tuple[str, GoldQuality | None], ...]
    """By symbol; None where the day was never made."""
    programs: tuple[Health, ...]
    lags: tuple[StreamLag, ...]
    gaps: tuple[GapMinutes, ...] | None
    """None where the ledger was never materialised."""
    disks: tuple[Disk, ...]
    sizes: tuple[DatasetSize, ...]
    cost: MonthCost | None
    is_own_disk: bool
    """Whether the lake is a folder, which no store sends a bill for; the cost is then what it would be."""
    problems: tuple[Problem, ...]

    @property
    def is_over(self) -> bool:
        """Whether the day had ended."""
        return day_span(self.day).end <= self.made_at

    @property
    def last_complete_day(self) -> date:
        """The newest day that has to be there: this one, or while it runs the one before it."""
        return self.day if self.is_over else self.day - timedelta(days=1)


def make_report(
    lake: Lake,
    settings: Settings,
    *,
    day: date,
    now: datetime,
    programs: Sequence[Health],
    checks: Sequence[CheckResult] | None,
    runs: Sequence[RunState] | None,
) -> HealthReport:
    """The health of a day at `now`; a part that cannot be looked at is a problem of the report and stops no other."""
    look = _Look()
    pairs = [(dataset, symbol) for dataset in MEDALLION for symbol in settings.symbols]
    counted = [pair for pair in pairs if pair[0].name != "silver_klines_1m"]
    whole = timedelta(days=1)
    ledger = look("gaps", lambda: lake.read(GAP_LEDGER, exchange_name(settings), day))
    files = look("storage", lake.files.listed) or []
    usage = look("cost", lambda: month_usage(lake, files, now=now))
    return HealthReport(
        day=day,
        made_at=now,
        exchange=exchange_name(settings),
        symbols=settings.symbols,
        checks=None if checks is None else tuple(c for c in checks_of_day(checks, day) if c.asset != REPORT),
        runs=None if runs is None else tuple(runs_of_day(runs, day)),
        writes=tuple(look.at_each("freshness", pairs, lambda d, s: last_writes(lake, [s], datasets=[d]))),
        completeness=tuple(
            look.at_each(
                "completeness",
                [pair for pair in pairs if pair not in counted],
                lambda _, s: completeness(lake, [s], [day], now=now),
            )
        ),
        coverage=tuple(
            look.at_each(
                "completeness", counted, lambda d, s: coverage(lake, [d], [s], start=day, end=day + whole, now=now)
            )
        ),
        gold=tuple(
            look.at_each(
                "features",
                [(GOLD_FEATURES, symbol) for symbol in settings.symbols],
                lambda _, s: [(s, gold_quality(lake, s, day))],
            )
        ),
        programs=tuple(programs),
        lags=tuple(stream_lags(programs)),
        gaps=None if ledger is None else tuple(gap_minutes(gaps_of(ledger), start=day, end=day + whole)),
        disks=tuple(disks(settings.data_dir, lake=lake.uri)),
        sizes=tuple(sizes_of(files)),
        cost=None if usage is None else month_cost(usage, prices_of(lake.uri)),
        is_own_disk=lake.files.local_path("") is not None,
        problems=tuple(look.problems),
    )


class _Look:
    """Asks for a part of the report, and remembers why where it cannot be had."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def __call__[T](self, section: Section, ask: Callable[[], T], *, dataset: str = "", symbol: str = "") -> T | None:
        try:
            return ask()
        except (CryptoAssetsError, msgspec.DecodeError) as error:
            self.problems.append(Problem(section, dataset, symbol, str(error)))
            return None

    def at_each[T](
        self,
        section: Section,
        places: Sequence[tuple[Dataset, str]],
        ask: Callable[[Dataset, str], Sequence[T]],
    ) -> Iterator[T]:
        for dataset, symbol in places:
            found = self(section, lambda d=dataset, s=symbol: ask(d, s), dataset=dataset.name, symbol=symbol)
            yield from found or ()
