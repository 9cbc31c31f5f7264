"""The verdicts of the page Health: a figure for each area, and a sentence where somebody has to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from crypto_assets.alerts.alert import Alert
from crypto_assets.dashboard.health.figures import Events, LakeFigures, Losses, Storage
from crypto_assets.dashboard.words import age, number, percent, share_of, span
from crypto_assets.features.declaration import FEATURES
from crypto_assets.health.completeness import newest_due_day
from crypto_assets.health.events import CheckResult
from crypto_assets.health.lag import collecting_since, stream_lags
from crypto_assets.health.words import money, size
from crypto_assets.health.writes import FLUSHED_EVERY, bronze_limit, late_writes
from crypto_assets.stream.health import Health, Standing

if TYPE_CHECKING:
    from resources.services.manager import ServiceStatus

DISK_WATCH = 0.20
"""Shares that are still free."""
MOST_SENTENCES = 5
LONGEST_SENTENCE = 130


class Level(IntEnum):
    """How much a figure needs somebody, the worst first."""

    WRONG = 0
    WATCH = 1
    UNKNOWN = 2
    AWAITED = 3
    """Being read for the first time."""
    WELL = 4


LEVEL_OF_PROGRAM: Mapping[Standing, Level] = {
    "ok": Level.WELL,
    "failed": Level.WRONG,
    "absent": Level.WATCH,
    "unknown": Level.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Signal:
    """One area at a glance."""

    area: str
    level: Level
    value: str
    """The figure that stands for it, with its unit."""
    note: str
    """What the figure is of, and how old it is."""
    sentences: tuple[str, ...] = ()
    """What is not well, the worst first, with what to run."""
    asset: str | None = None
    """Asset in Dagster that it is about."""


def worst_first(signals: Iterable[Signal]) -> list[Signal]:
    """The signals by level; those of one level stay in order."""
    return sorted(signals, key=lambda signal: signal.level)


def unknown(area: str, reason: str) -> Signal:
    """An area whose figures cannot be had."""
    return Signal(area, Level.UNKNOWN, "unknown", "cannot be asked", (reason,))


def awaited(area: str) -> Signal:
    """An area whose figures are being read for the first time."""
    return Signal(area, Level.AWAITED, "…", "being read")


def of_bronze(
    lake: LakeFigures,
    programs: Sequence[Health] | None,
    *,
    now: datetime,
    flushed_every: timedelta = FLUSHED_EVERY,
) -> Signal:
    """When bronze was last written: it must be fresh only while the collector fills it."""
    written = [write for write in lake.writes if write.written_at]
    if not written:
        return Signal("Bronze", Level.WATCH, "never", "last write", ("Bronze holds nothing yet. Run: make demo",))
    newest = max(written, key=lambda write: write.written_at or now)
    since, limit = collecting_since(programs or ()), bronze_limit(flushed_every)
    candles = [write for write in lake.writes if write.dataset == "bronze_klines_1m"]
    late = late_writes(candles, limit=limit, collecting_since=since, now=now) if since else []
    return Signal(
        area="Bronze",
        level=Level.WRONG if late else Level.WELL,
        value=age(newest.written_at, now=now),
        note=f"last write, {newest.dataset.removeprefix('bronze_')} {newest.symbol} {newest.day}",
        sentences=tuple(
            f"{write.dataset} {write.symbol} was last written {age(write.written_at, now=now)}, though the collector "
            "runs. Is the bronze sensor on? See `make status`."
            for write in late[:MOST_SENTENCES]
        ),
        asset="bronze_klines_1m",
    )


def of_silver(lake: LakeFigures, *, now: datetime) -> Signal:
    """Whether the last days are complete, and whether they are the last ones."""
    if not lake.silver:
        return Signal("Silver", Level.WATCH, "none", "no day of candles", ("Silver holds nothing yet. Run: make demo",))
    newest = max(lake.silver, key=lambda count: count.day)
    wanting = [count for count in lake.silver if not count.is_complete]
    wanting.sort(key=lambda count: -1.0 if count.share is None else count.share)
    shown = wanting[0] if wanting else newest
    late = _late(lake, ((count.symbol, count.day) for count in lake.silver), now=now)
    sentences = [count.sentence for count in wanting] + late
    return Signal(
        area="Silver",
        level=Level.WRONG if wanting else Level.WATCH if late else Level.WELL,
        value=share_of(shown.usable, shown.wanted),
        note=f"minutes of {shown.symbol} {shown.day}; "
        + (f"{len(lake.silver) - len(wanting)} of {len(lake.silver)} days complete"),
        sentences=tuple(sentences[:MOST_SENTENCES]),
        asset="silver_klines_1m",
    )


def of_gold(lake: LakeFigures, *, now: datetime) -> Signal:
    """Whether the newest features are all there, numbers, in their ranges, and of the last day."""
    if not lake.gold:
        return Signal("Gold", Level.WATCH, "none", "no day of features", ("Gold holds nothing yet. Run: make demo",))
    bad = [found for found in lake.gold if not found.is_good]
    shown = bad[0] if bad else lake.gold[0]
    late = _late(lake, ((found.symbol, found.day) for found in lake.gold), now=now)
    sentences = [found.sentence for found in bad] + late
    ranges = "all in range" if not bad else f"{len(shown.out_of_range)} out of range, {shown.bad_cells:,} bad cells"
    return Signal(
        area="Gold",
        level=Level.WRONG if bad else Level.WATCH if late else Level.WELL,
        value=f"{shown.features}/{len(FEATURES)} features",
        note=f"{ranges}; {shown.symbol} {shown.day}, {shown.warm_rows:,} warm rows",
        sentences=tuple(sentences[:MOST_SENTENCES]),
        asset="gold_features",
    )


def _late(lake: LakeFigures, held: Iterable[tuple[str, date]], *, now: datetime) -> list[str]:
    """What to run for each symbol whose newest day is not the last one, the furthest behind first."""
    due = newest_due_day(now)
    newest: dict[str, date | None] = dict.fromkeys(write.symbol for write in lake.writes)
    newest |= dict(sorted(held, key=lambda one: one[1]))
    behind = sorted((day or date.min, symbol) for symbol, day in newest.items() if day is None or day < due)
    return [_lacking(symbol, None if day == date.min else day, due=due) for day, symbol in behind]


def _lacking(symbol: str, newest: date | None, *, due: date) -> str:
    if newest is None:
        return f"{symbol} has no day. Run: crypto-assets backfill {symbol} {due} {due}"
    count = (due - newest).days
    days = "the day after it lacks" if count == 1 else f"the {count:,} days after it lack"
    first = newest + timedelta(days=1)
    return f"{newest} is the newest day of {symbol}; {days}. Run: crypto-assets backfill {symbol} {first} {due}"


def of_disk(storage: Storage) -> Signal:
    """How much the disk has left."""
    disk = storage.fullest
    level = Level.WRONG if disk.is_low else Level.WATCH if disk.free_share < DISK_WATCH else Level.WELL
    return Signal(
        area="Disk",
        level=level,
        value=f"{size(disk.free)} free",
        note=f"of {size(disk.total)}, {percent(disk.free_share, digits=0)}; the lake has {size(storage.bytes)}",
        sentences=() if level is Level.WELL else (disk.advice,),
    )


def of_cost(storage: Storage) -> Signal:
    """What the month would cost by the first price table."""
    cost = storage.costs[0]
    return Signal(
        area="Cost of the month",
        level=Level.WELL,
        value=money(cost.total, cost.currency),
        note=f"{size(storage.bytes)} and {number(cost.usage.writes + cost.usage.reads)} requests at {cost.prices.name}",
    )


def of_services(services: Sequence[ServiceStatus]) -> Signal:
    """Which services answer."""
    bad = [service for service in services if not service.is_well and service.state != "down"]
    down = [service for service in services if service.state == "down"]
    running = [service for service in services if service.is_well and service.state != "on demand"]
    sentences = [f"{service.name} {_verb(service.state)}. `make up` starts it again." for service in bad]
    if down:
        names = ", ".join(service.name for service in down)
        sentences.append(f"{names}: not started. `make up` starts what live data needs.")
    return Signal(
        area="Services",
        level=Level.WRONG if bad or (down and running) else Level.WATCH if down else Level.WELL,
        value=f"{len(running)}/{len(running) + len(bad) + len(down)} running",
        note=_counted(Counter(service.state for service in services)),
        sentences=tuple(sentences[:MOST_SENTENCES]),
    )


def of_streams(programs: Sequence[Health]) -> Signal:
    """Whether the streams flow, and how far behind they are."""
    lags = stream_lags(programs)
    failed = [health for health in programs if health.standing in ("failed", "unknown")]
    bad = [lag for lag in lags if not lag.is_well]
    if all(health.state == "unknown" for health in programs):
        return unknown("Streams", programs[0].sentence if programs else "No program is known.")
    slowest = max((lag.lag_s for lag in lags if lag.lag_s is not None), default=None)
    sentences = [health.sentence for health in failed] + [lag.sentence for lag in bad[:MOST_SENTENCES]]
    if not lags and not failed:
        sentences.append("No live stream runs. `make live` starts them, and stops them after a tour.")
    return Signal(
        area="Streams",
        level=Level.WRONG if bad or failed else Level.WELL if lags else Level.WATCH,
        value=f"{len(lags) - len(bad)}/{len(lags)} flow" if lags else "none",
        note=f"{number(sum(lag.rate for lag in lags if lag.program == 'collector'), digits=1)} messages/s; "
        + ("no lag known" if slowest is None else f"longest lag {span(slowest)}"),
        sentences=tuple(sentences[:MOST_SENTENCES]),
    )


def of_gaps(losses: Losses) -> Signal:
    """What the streams lost."""
    days = (losses.end - losses.start).days
    if losses.ledger_at is None:
        return Signal("Gaps", Level.WELL, "none", "no stream has run that could have lost anything")
    lost, repaired = sum(gap.lost for gap in losses.gaps), sum(gap.repaired for gap in losses.gaps)
    unsettled = sum(gap.unsettled for gap in losses.gaps)
    worst = max(losses.gaps, key=lambda gap: (gap.lost, gap.unsettled), default=None)
    sentences: list[str] = []
    if worst is not None and worst.unsettled:
        hope = "REST may still give some of it" if worst.open else "nobody gives it again"
        sentences.append(
            f"{worst.dataset} {worst.symbol} lost {span(60 * worst.lost)} on {worst.day}, the most of a day; {hope}."
        )
    return Signal(
        area="Gaps",
        level=Level.WATCH if unsettled else Level.WELL,
        value=f"{span(60 * lost)} lost" if unsettled else "nothing lost",
        note=f"in {days} days, {number(unsettled)} entries not settled; {span(60 * repaired)} repaired",
        sentences=tuple(sentences),
        asset="gap_ledger",
    )


def of_checks(events: Events | None) -> Signal:
    """Which asset checks did not pass when they last ran."""
    if events is None:
        return Signal("Checks", Level.WATCH, "none", "Dagster has not run here yet", ("Run: make demo, or make ui",))
    failed = failed_checks(events.checks)
    errors = [check for check in failed if check.is_error]
    return Signal(
        area="Checks",
        level=Level.WRONG if errors else Level.WATCH if failed else Level.WELL,
        value=f"{number(len(events.checks) - len(failed))}/{number(len(events.checks))} passed",
        note=f"of {events.reach}; {len(errors)} errors, {len(failed) - len(errors)} warnings",
        sentences=tuple(_short(f"{check.check} of {check.asset}: {check.sentence}") for check in failed[:3]),
    )


def of_runs(events: Events | None, *, now: datetime) -> Signal:
    """Which runs failed."""
    if events is None:
        return Signal("Runs", Level.WELL, "none", "Dagster has not run here yet")
    failed = [run for run in events.runs if run.failed]
    newest = max((run.ended_at for run in events.runs if run.ended_at), default=None)
    return Signal(
        area="Runs",
        level=Level.WRONG if failed else Level.WELL,
        value=f"{len(failed)} failed" if failed else "none failed",
        note=f"of {number(len(events.runs))}, {events.reach}; the last ended {age(newest, now=now)}",
        sentences=tuple(_short(f"{run.partition or run.job}: {run.sentence}") for run in failed[:3]),
    )


def of_alerts(alerts: Sequence[Alert], *, now: datetime) -> Signal:
    """Which alerts last."""
    standing = sorted((alert for alert in alerts if alert.is_open), key=lambda alert: alert.severity != "critical")
    critical = [alert for alert in standing if alert.severity == "critical"]
    oldest = min((alert.first_at for alert in standing), default=None)
    return Signal(
        area="Alerts",
        level=Level.WRONG if critical else Level.WATCH if standing else Level.WELL,
        value=f"{len(standing)} open" if standing else "none open",
        note=f"{len(critical)} critical" + (f"; the oldest began {age(oldest, now=now)}" if oldest else ""),
        sentences=tuple(f"{alert.subject}: {alert.sentence} {alert.advice}" for alert in standing[:MOST_SENTENCES]),
    )


def failed_checks(checks: Iterable[CheckResult]) -> list[CheckResult]:
    """Those that did not pass: errors before warnings, the newest first."""
    failed = [check for check in checks if not check.passed]
    return sorted(failed, key=lambda check: (not check.is_error, -check.at.timestamp()))


def _short(sentence: str) -> str:
    """The beginning of a sentence that a table below has in full."""
    return sentence if len(sentence) <= LONGEST_SENTENCE else f"{sentence[:LONGEST_SENTENCE].rsplit(' ', 1)[0]} …"


def _verb(state: str) -> str:
    return state if state.startswith(("does", "ended")) else f"is {state}"


def _counted(states: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.most_common())
