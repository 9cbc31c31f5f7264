"""Checks of the report of health: it lies there whole, and what it found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg

from crypto_assets.checks.findings import WARN, Finding, as_result
from crypto_assets.checks.run_days import days_to_judge
from crypto_assets.health.document import PICTURE
from crypto_assets.health.publishing import PAGE, path_of
from crypto_assets.health.rows import EVERY, HEALTH_REPORT
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.run_tags import command_to_run
from resources.lake import LakeResource

WHOLE, NO_FAILURES = "complete", "no_failures"


def health_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of the daily report; started without a day they look at the newest one."""
    specs = [
        dg.AssetCheckSpec(
            WHOLE,
            asset=HEALTH_REPORT.name,
            description="Table, page and picture are there, and all could be looked at.",
        ),
        dg.AssetCheckSpec(NO_FAILURES, asset=HEALTH_REPORT.name, description="The report of the day names no failure."),
    ]

    @dg.multi_asset_check(name="health_report_checks", specs=specs, can_subset=True)
    def health_report_checks(
        context: dg.AssetCheckExecutionContext, lake: LakeResource
    ) -> Iterator[dg.AssetCheckResult]:
        with days_to_judge(context, days.whole_days, newest=partial(_newest, lake.lake)) as asked:
            for key in context.selected_asset_check_keys:
                judge = _whole if key.name == WHOLE else _no_failures
                yield as_result(key, {day: judge(lake.lake, day) for day in asked})

    return [health_report_checks]


def _newest(lake: Lake) -> tuple[WholeDay, ...]:
    newest = lake.newest_day(HEALTH_REPORT, EVERY)
    return (WholeDay(newest or datetime.now(UTC).date() - timedelta(days=1)),)


def _whole(lake: Lake, day: WholeDay) -> Finding:
    absent = [
        name for name in (HEALTH_REPORT.file or "", PAGE, PICTURE) if lake.files.size(path_of(day.day, name)) is None
    ]
    if absent:
        return Finding(False, f"{', '.join(absent)} is not there. {_again(day)}", {"files_absent": len(absent)}, WARN)
    rows = _rows(lake, day)
    unseen = [str(row["sentence"]) for row in rows if row["status"] == "unknown"]
    numbers = {"figures": len(rows), "not_looked_at": len(unseen)}
    if not unseen:
        return Finding(True, f"{len(rows):,} figures, a page and a picture.", numbers)
    return Finding(False, f"{len(unseen)} parts could not be looked at. {unseen[0]}", numbers, WARN)


def _no_failures(lake: Lake, day: WholeDay) -> Finding:
    rows = _rows(lake, day)
    failed = [str(row["sentence"]) for row in rows if row["status"] == "failed"]
    numbers = {"figures": len(rows), "failed": len(failed)}
    if not rows:
        return Finding(False, f"There is no report. {_again(day)}", numbers, WARN)
    if not failed:
        return Finding(True, f"{len(rows):,} figures, none of them a failure.", numbers)
    return Finding(False, f"{len(failed)} figures are failures. {failed[0]}", numbers, WARN)


def _rows(lake: Lake, day: WholeDay) -> list[dict[str, object]]:
    table = lake.read(HEALTH_REPORT, EVERY, day.day, columns=["status", "sentence"])
    return [] if table is None else table.to_pylist()


def _again(day: WholeDay) -> str:
    return f"Run: {command_to_run('health', day.key)}"
