"""Results of checks and ends of runs as they are told, whoever remembers them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from crypto_assets.spans import day_span

RANGE = "..."
"""Between first and last partition of a run over several, as Dagster writes them."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The newest result of a check for what its run was about."""

    asset: str
    check: str
    partition: str | None
    """A partition, or the first and the last one with RANGE between; None for a run about none."""
    passed: bool
    severity: str
    """WARN or ERROR: how bad it is where it did not pass."""
    sentence: str
    at: datetime
    run_id: str

    @property
    def is_error(self) -> bool:
        """Whether it did not pass, and that is an error; one that did not and is none warns."""
        return not self.passed and self.severity == "ERROR"


@dataclass(frozen=True, slots=True)
class RunState:
    """How a run went."""

    run_id: str
    job: str
    status: str
    """As Dagster names it: SUCCESS, FAILURE, CANCELED, STARTED, QUEUED …"""
    started_at: datetime | None
    ended_at: datetime | None
    partition: str | None
    sentence: str
    """Of a failed run what went wrong, else empty."""
    assets: tuple[str, ...] = ()
    """Those that were asked for; empty where the job says it."""

    @property
    def failed(self) -> bool:
        """Whether it ended because something went wrong."""
        return self.status == "FAILURE"


def is_about(partition: str | None, day: date) -> bool:
    """Whether a partition, of whatever symbol, or a range of them holds a UTC day."""
    if partition is None:
        return False
    first, _, last = partition.partition(RANGE)
    days = [_day_of(end) for end in (first, last or first)]
    return days[0] is not None and days[1] is not None and days[0] <= day <= days[1]


def checks_of_day(results: Iterable[CheckResult], day: date) -> list[CheckResult]:
    """Results about a day, the newest of each check and symbol, then those of other partitions given on the UTC day.

    A check of a range of days tells of its worst day, which may be another one.
    """
    ordered = sorted(results, key=lambda result: result.at, reverse=True)
    about = _newest((r.asset, r.check, symbol_of(r.partition), r) for r in ordered if is_about(r.partition, day))
    span = day_span(day)
    others = (r for r in ordered if span.start <= r.at < span.end and not is_about(r.partition, day))
    return [*about, *_newest((r.asset, r.check, r.partition or "", r) for r in others)]


def runs_of_day(runs: Iterable[RunState], day: date) -> list[RunState]:
    """Runs about a day or begun on it, the newest of what was asked for and its partition."""
    span = day_span(day)
    newest: dict[tuple[str, tuple[str, ...], str | None], RunState] = {}
    begun = (
        run
        for run in runs
        if is_about(run.partition, day) or (run.started_at and span.start <= run.started_at < span.end)
    )
    for run in sorted(begun, key=lambda run: run.started_at or span.start, reverse=True):
        newest.setdefault((run.job, run.assets, run.partition), run)
    return list(newest.values())


def symbol_of(partition: str | None) -> str:
    """The symbol of a partition, both ends of a range of symbols; empty for a day of all symbols, and for none."""
    ends = [end.partition("|")[2] for end in (partition or "").split(RANGE)]
    return ends[0] if len(set(ends)) == 1 else RANGE.join(ends)


def _newest(keyed: Iterable[tuple[str, str, str, CheckResult]]) -> list[CheckResult]:
    newest: dict[tuple[str, str, str], CheckResult] = {}
    for asset, check, about, result in keyed:
        newest.setdefault((asset, check, about), result)
    return list(newest.values())


def _day_of(partition: str) -> date | None:
    try:
        return date.fromisoformat(partition.partition("|")[0])
    except ValueError:
        return None
