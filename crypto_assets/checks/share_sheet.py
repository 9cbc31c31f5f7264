"""The check of the shared spreadsheet: what stands in it is read again and compared with the table."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from crypto_assets.assets.share import share_store
from crypto_assets.assets.share_sheet import LAYOUT, SHEET, retention_of, shared_table
from crypto_assets.checks.findings import WARN, Finding, as_result
from crypto_assets.checks.run_days import days_to_judge
from crypto_assets.config import read_settings
from crypto_assets.partitions import DaySymbol, WholeDay, WholeDays
from crypto_assets.share.sheet import keys_of_day, missing_keys
from crypto_assets.share.sheet_retention import Retention
from crypto_assets.share.sheet_rows import Cell, Row, shared_rows
from crypto_assets.warehouse.store import WarehouseStore
from resources.lake import LakeResource
from resources.sheets import SheetsResource


def sheet_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """One check."""
    every_day = days.whole_days

    @dg.asset_check(
        asset=SHEET,
        description="The spreadsheet, read again, has each shared row of price_aggregates as it is, and of that day no "
        "other. Without days it looks at the newest one that was shared.",
    )
    def holds_the_table(
        context: dg.AssetCheckExecutionContext, sheets: SheetsResource, lake: LakeResource
    ) -> dg.AssetCheckResult:
        newest = partial(_newest, context.instance, every_day)
        with days_to_judge(context, every_day, newest=newest) as asked:
            findings = _judge(asked, sheets, share_store(lake.lake)) if asked else {}
        (check,) = context.selected_asset_check_keys
        return as_result(check, findings)

    return [holds_the_table]


def judge_sheet(
    want: Mapping[str, Sequence[Row]],
    held: Mapping[str, Sequence[Sequence[Cell]]],
    *,
    day: str,
    retention: Retention | None = None,
) -> Finding:
    """Whether the tabs hold the wanted rows of a day, `2024-08-08`, and no others of it.

    With `retention`, rows that are too old for the tab may be there or not.
    """
    due = {t: retention.due(held.get(t, ()), rows) if retention else rows for t, rows in want.items()}
    missing = {title: missing_keys(LAYOUT, held.get(title, ()), rows) for title, rows in due.items()}
    keys = {title: {row[: LAYOUT.key] for row in rows} for title, rows in want.items()}
    stale = [
        f"{title}!A{row}"
        for title, rows in held.items()
        for row, key in keys_of_day(LAYOUT, rows, day=day).items()
        if key not in keys.get(title, set())
    ]
    rows, lacking = sum(map(len, due.values())), sum(map(len, missing.values()))
    numbers = {"rows": rows, "missing_or_different": lacking, "no_longer_in_the_table": len(stale)}
    if lacking:
        title, first = next((title, lines[0]) for title, lines in missing.items() if lines)
        sentence = (
            f"{lacking} of {rows} rows are missing or differ, the first in {title}: {first[1]} {first[2]}. "
            "Was the spreadsheet edited, or sorted while it was written? Materialise sheet_price_aggregates again."
        )
        return Finding(False, sentence, numbers)
    if stale:
        sentence = (
            f"{len(stale)} rows of that day are in the spreadsheet and no longer shared, the first at {stale[0]}. "
            "Delete them by hand; nothing deletes rows of a spreadsheet that people work in."
        )
        return Finding(False, sentence, numbers, WARN)
    return Finding(True, f"All {rows} rows stand in {len(want)} tabs as in price_aggregates.", numbers)


def _judge(days: Sequence[WholeDay], sheets: SheetsResource, store: WarehouseStore) -> dict[WholeDay, Finding]:
    settings = read_settings()
    tables = {day: shared_table(store, day, settings=settings) for day in days}
    wanted = {day: shared_rows(table, timeframes=settings.sheet_timeframes) for day, table in tables.items()}
    titles = sorted({title for rows in wanted.values() for title in rows} | set(settings.symbols))
    held, keeps = sheets.spreadsheet().read(LAYOUT, titles), retention_of(settings)
    return {day: judge_sheet(rows, held, day=day.key, retention=keeps) for day, rows in wanted.items()}


def _newest(instance: dg.DagsterInstance, days: WholeDays) -> tuple[WholeDay, ...]:
    keys = instance.get_materialized_partitions(dg.AssetKey(SHEET))
    return (days.parse(max(keys), now=datetime.now(UTC)),) if keys else ()
