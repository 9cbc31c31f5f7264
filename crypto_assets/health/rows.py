"""A report as a table: one figure a row, each with its unit, its status and its sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date
from typing import Literal, assert_never, get_args

import pyarrow as pa

from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.health.calendar import DayCoverage
from crypto_assets.health.completeness import Completeness
from crypto_assets.health.events import CheckResult, symbol_of
from crypto_assets.health.gold import GoldQuality
from crypto_assets.health.report import REPORT, HealthReport, Section
from crypto_assets.health.words import age, size
from crypto_assets.health.writes import LastWrite
from crypto_assets.run_tags import command_to_materialise, command_to_run
from crypto_assets.schemas import BRONZE_TRADES, Dataset, described
from crypto_assets.stream.gap_table import GAP_LEDGER
from crypto_assets.stream.health import Health

type Status = Literal["failed", "warning", "unknown", "absent", "ok"]
"""Worst first. Unknown: it could not be looked at. Absent: never made, which is for you to decide."""

STATUSES: tuple[Status, ...] = get_args(Status.__value__)

HEALTH_REPORT = Dataset(
    name=REPORT,
    payload=pa.schema(
        [
            described("section", pa.string(), "what is judged: checks, runs, freshness, completeness, features, …"),
            described("dataset", pa.string(), "asset, program, stream, layer or folder; empty for a figure of all"),
            described("symbol", pa.string(), "empty where it is of none or of all"),
            described("metric", pa.string(), "name of the figure, or of the check"),
            described("value", pa.float64(), "the figure; null where there is none", nullable=True),
            described("unit", pa.string(), "unit of the figure"),
            described("status", pa.string(), f"worst first: {', '.join(STATUSES)}"),
            described("sentence", pa.string(), "the same for people, with what to do"),
        ]
    ),
    key=("section", "dataset", "symbol", "metric"),
    folder="health/date={day}",
    file="health_report.parquet",
)
"""Its key is not unique where a check ran for several partitions on the day."""
EVERY = "all"
"""Stands where other datasets have a symbol: a report is of all of them, and its place names none."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One figure; fields are the columns of HEALTH_REPORT."""

    section: Section
    dataset: str
    symbol: str
    metric: str
    value: float | None
    unit: str
    status: Status
    sentence: str


def report_rows(report: HealthReport) -> list[ReportRow]:
    """Every figure of a report, section by section."""
    return [
        *_checks(report),
        *_runs(report),
        *_freshness(report),
        *_completeness(report),
        *_features(report),
        *_streams(report),
        *_gaps(report),
        *_storage(report),
        *(
            ReportRow(p.section, p.dataset, p.symbol, "looked_at", None, "", "unknown", p.sentence)
            for p in report.problems
        ),
    ]


def report_table(rows: list[ReportRow]) -> pa.Table:
    """The rows with the schema of HEALTH_REPORT."""
    columns = zip(*(astuple(row) for row in rows), strict=True) if rows else ([],) * len(HEALTH_REPORT.schema)
    return pa.table(
        [pa.array(list(c), f.type) for c, f in zip(columns, HEALTH_REPORT.schema, strict=True)],
        schema=HEALTH_REPORT.schema,
    )


def status_of_check(result: CheckResult) -> Status:
    """How bad a result is."""
    if result.passed:
        return "ok"
    return "failed" if result.is_error else "warning"


def checks_by_asset(report: HealthReport) -> dict[str, Counter[Status]]:
    """How many results of checks each asset has, by status; assets by name."""
    found: dict[str, Counter[Status]] = {}
    for check in report.checks or ():
        found.setdefault(check.asset, Counter())[status_of_check(check)] += 1
    return dict(sorted(found.items()))


def elsewhere(report: HealthReport) -> str:
    """What a cost begins with where no store sends a bill."""
    return "the lake lies on your own disk; elsewhere it would be " if report.is_own_disk else ""


def _checks(report: HealthReport) -> Iterator[ReportRow]:
    if report.checks is None:
        sentence = "Dagster was not asked: the report was made outside of a run."
        yield ReportRow("checks", "", "", "results", None, "results", "unknown", sentence)
    for result in report.checks or ():
        symbol, status = symbol_of(result.partition), status_of_check(result)
        sentence = f"{result.asset} {result.check}, {result.sentence}"
        yield ReportRow("checks", result.asset, symbol, result.check, float(result.passed), "passed", status, sentence)
    if report.checks == ():
        sentence = f"No check ran about {report.day} or on it. Run: {command_to_run('medallion', _example(report))}"
        yield ReportRow("checks", "", "", "results", 0, "results", "absent", sentence)


def _runs(report: HealthReport) -> Iterator[ReportRow]:
    for run in report.runs or ():
        if run.failed:
            what = ", ".join(run.assets) or run.job
            sentence = f"Run {run.run_id[:8]} of {what} ({run.partition or 'no partition'}) failed: {run.sentence}"
            yield ReportRow("runs", run.job, symbol_of(run.partition), "failed", 1, "runs", "failed", sentence)
    if report.runs is not None:
        failed = sum(run.failed for run in report.runs)
        sentence = f"{len(report.runs):,} runs about {report.day} or on it, {failed:,} failed and not repeated since."
        yield ReportRow("runs", "", "", "runs", len(report.runs), "runs", "ok", sentence)


def _freshness(report: HealthReport) -> Iterator[ReportRow]:
    for write in report.writes:
        time = write.age(now=report.made_at)
        seconds = None if time is None else time.total_seconds()
        yield ReportRow("freshness", write.dataset, write.symbol, "last_write", seconds, "s", *_fresh(report, write))


def _fresh(report: HealthReport, write: LastWrite) -> tuple[Status, str]:
    where = f"{write.dataset} {write.symbol}"
    time = write.age(now=report.made_at)
    if write.day is None or time is None:
        return (
            "absent",
            f"{where}: never materialised. Run: {_command(write.dataset, report.last_complete_day, write.symbol)}",
        )
    said = f"{where}: the newest day is {write.day}, written {age(time)}"
    behind = (report.last_complete_day - write.day).days
    if behind > 0:
        days = f"{behind} day{'' if behind == 1 else 's'} behind"
        return "warning", f"{said}, {days}. Run: {_command(write.dataset, report.last_complete_day, write.symbol)}"
    return "ok", f"{said}."


def _completeness(report: HealthReport) -> Iterator[ReportRow]:
    for found in report.completeness:
        yield from _minutes(found)
    for found in report.coverage:
        status, sentence = _covered(found)
        rows = None if found.rows is None else float(found.rows)
        yield ReportRow("completeness", found.dataset, found.symbol, "rows", rows, "rows", status, sentence)
        if found.expected is not None:
            yield ReportRow("completeness", found.dataset, found.symbol, "expected", found.expected, "rows", "ok", "")


def _minutes(found: Completeness) -> Iterator[ReportRow]:
    nothing_yet = found.rows is None and not found.expected
    status: Status = "ok" if found.is_complete or nothing_yet else "absent" if found.rows is None else "failed"
    place = ("completeness", found.dataset, found.symbol)
    yield ReportRow(*place, "share", found.share, "1", status, found.sentence)
    yield ReportRow(*place, "rows", found.rows, "minutes", "ok", "")
    yield ReportRow(*place, "expected", found.wanted, "minutes", "ok", "")
    yield ReportRow(*place, "filled", found.filled, "minutes", "ok", "")
    yield ReportRow(*place, "halted", found.halt_minutes, "minutes", "ok", "")


def _covered(found: DayCoverage) -> tuple[Status, str]:
    where, command = f"{found.dataset} {found.day} {found.symbol}", _command(found.dataset, found.day, found.symbol)
    rows = f"{found.rows or 0:,}" + ("" if found.expected is None else f"/{found.expected:,}") + " rows"
    match found.state:
        case "absent":
            return "absent", f"{where}: never materialised. Run: {command}"
        case "partial":
            return "warning", f"{where}: {rows}. Run: {command}"
        case "halt":
            return "ok", f"{where}: {rows}; the exchange halted for the rest of the day."
        case "retired":
            return "ok", f"{where}: deleted by retention, once what is made from its {rows} was verified."
        case "future":
            return "ok", f"{where}: the day has not begun."
        case "complete" | "present" | "empty":
            return "ok", f"{where}: {rows}."
        case _:
            assert_never(found.state)


def _features(report: HealthReport) -> Iterator[ReportRow]:
    for symbol, quality in report.gold:
        if quality is None:
            command = command_to_run("medallion", f"{report.day}|{symbol}")
            sentence = f"{GOLD_FEATURES.name} {report.day} {symbol}: never materialised. Run: {command}"
            yield ReportRow("features", GOLD_FEATURES.name, symbol, "features", None, "features", "absent", sentence)
        else:
            yield from _quality(quality)


def _quality(quality: GoldQuality) -> Iterator[ReportRow]:
    figures: tuple[tuple[str, float, str, bool], ...] = (
        ("rows", quality.rows, "rows", True),
        ("warm_rows", quality.warm_rows, "rows", True),
        ("null_columns", len(quality.null_columns), "features", not quality.null_columns),
        ("bad_cells", quality.bad_cells, "values", not quality.bad_cells),
        ("out_of_range", len(quality.out_of_range), "features", not quality.out_of_range),
    )
    place = ("features", GOLD_FEATURES.name, quality.symbol)
    whole: Status = "ok" if quality.is_good else "failed"
    yield ReportRow(*place, "features", quality.features, f"of {len(FEATURES)}", whole, quality.sentence)
    for metric, value, unit, is_well in figures:
        yield ReportRow(*place, metric, value, unit, "ok" if is_well else "failed", "")


def _status_of_program(health: Health) -> Status:
    # A report is made whatever its day, also after somebody stopped the streams: that is no failure of the day, while
    # who looks at the live market is told of it as of any other end.
    return "warning" if health.state == "ended" else health.standing


def _streams(report: HealthReport) -> Iterator[ReportRow]:
    for health in report.programs:
        status, alive = _status_of_program(health), float(health.is_alive)
        yield ReportRow("streams", health.program, "", "alive", alive, "1", status, health.sentence)
    for lag in report.lags:
        status = "ok" if lag.is_well else "warning"
        name = f"{lag.program}.{lag.topic}"
        yield ReportRow("streams", name, lag.symbol, "lag", lag.lag_s, "s", status, lag.sentence)
        yield ReportRow("streams", name, lag.symbol, "rate", lag.rate, "messages/s", "ok", "")


def _gaps(report: HealthReport) -> Iterator[ReportRow]:
    if report.gaps is None:
        if all(problem.section != "gaps" for problem in report.problems):
            command = f"dagster asset materialize -m crypto_assets.definitions --select {GAP_LEDGER.name}"
            sentence = f"{GAP_LEDGER.name}: never materialised; without streams there are no gaps. Run: {command}"
            yield ReportRow("gaps", GAP_LEDGER.name, "", "gaps", None, "streams", "absent", sentence)
        return
    lost = sum(gap.unsettled > 0 for gap in report.gaps)
    sentence = f"{len(report.gaps):,} streams had a gap on {report.day}, {lost:,} of them lost something."
    yield ReportRow("gaps", GAP_LEDGER.name, "", "gaps", len(report.gaps), "streams", "ok", sentence)
    for gap in report.gaps:
        state = f"{gap.lost:,.1f} minutes lost, {gap.open:,.1f} of them open, {gap.repaired:,.1f} repaired"
        sentence = (
            f"{gap.dataset} {gap.symbol}: {state}, {gap.halted:,.1f} halted; {gap.unsettled:,} entries are not settled."
        )
        status: Status = "warning" if gap.unsettled else "ok"
        yield ReportRow("gaps", gap.dataset, gap.symbol, "lost", gap.lost, "minutes", status, sentence)
        for metric, value in (("open", gap.open), ("repaired", gap.repaired), ("halted", gap.halted)):
            yield ReportRow("gaps", gap.dataset, gap.symbol, metric, value, "minutes", "ok", "")


def _storage(report: HealthReport) -> Iterator[ReportRow]:
    for found in report.disks:
        status: Status = "failed" if found.is_low else "ok"
        yield ReportRow("disk", str(found.path), "", "free_share", found.free_share, "1", status, found.sentence)
        yield ReportRow("disk", str(found.path), "", "used", found.used, "bytes", "ok", "")
        yield ReportRow("disk", str(found.path), "", "free", found.free, "bytes", "ok", "")
    for held in report.sizes:
        sentence = f"{held.layer} {held.dataset}: {size(held.bytes)} in {held.files:,} files."
        yield ReportRow("storage", f"{held.layer}/{held.dataset}", "", "bytes", held.bytes, "bytes", "ok", sentence)
        yield ReportRow("storage", f"{held.layer}/{held.dataset}", "", "files", held.files, "files", "ok", "")
    if report.cost is not None:
        cost, usage = report.cost, report.cost.usage
        sentence = f"{elsewhere(report)}{cost.sentence}"
        yield ReportRow("cost", cost.prices.name, "", "total", cost.total, cost.currency, "ok", sentence)
        yield ReportRow("cost", cost.prices.name, "", "storage", cost.storage, cost.currency, "ok", "")
        yield ReportRow("cost", cost.prices.name, "", "requests", cost.requests, cost.currency, "ok", "")
        yield ReportRow("cost", cost.prices.name, "", "writes", usage.writes, "requests, estimated", "ok", "")
        yield ReportRow("cost", cost.prices.name, "", "reads", usage.reads, "requests, estimated", "ok", "")


def _command(dataset: str, day: date, symbol: str) -> str:
    """What makes the day of a dataset of the medallion; trades are not in its job, as nothing there reads them."""
    partition = f"{day}|{symbol}"
    if dataset == BRONZE_TRADES.name:
        return command_to_materialise(dataset, partition)
    return command_to_run("medallion", partition)


def _example(report: HealthReport) -> str:
    return f"{report.day}|{report.symbols[0]}"
