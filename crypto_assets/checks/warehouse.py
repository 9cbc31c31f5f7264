"""The gate between the warehouse's files and Redshift: checks of facts, and of what Redshift holds of them."""

from collections.abc import Iterator, Mapping

import dagster as dg

from crypto_assets.checks.findings import ERROR, WARN, Finding, as_result
from crypto_assets.checks.run_days import days_to_judge
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.warehouse.tables import FACT_TRADES
from crypto_assets.warehouse.verdict import RULES, Verdict, judge_day
from resources.lake import LakeResource
from resources.warehouse import WarehouseResource


def warehouse_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """One step for the rules of the gate, a check each."""

    @dg.multi_asset_check(
        name="fact_trades_gate",
        specs=[
            dg.AssetCheckSpec(rule, asset=FACT_TRADES.name, description=description, blocking=True)
            for rule, description in RULES.items()
        ],
        can_subset=True,
    )
    def gate(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource, lake: LakeResource
    ) -> Iterator[dg.AssetCheckResult]:
        with days_to_judge(context, days.whole_days) as asked:
            store = warehouse.store
            verdicts = {day: judge_day(store, lake.lake, day.day, symbols=days.symbols) for day in asked}
        for key in context.selected_asset_check_keys:
            yield as_result(key, findings_of(key.name, verdicts))

    return [gate]


def findings_of(rule: str, verdicts: Mapping[WholeDay, Verdict | None]) -> dict[WholeDay, Finding]:
    """What a rule says of each day.

    A day that fails is an error, which ends the run before its load. Where another day of the run passes the whole
    gate it is a warning: those days are loaded, and the load refuses the failed ones and then fails.
    """
    some_pass = any(verdict is not None and verdict.passed for verdict in verdicts.values())
    severity = WARN if some_pass else ERROR
    findings: dict[WholeDay, Finding] = {}
    for day, verdict in verdicts.items():
        if verdict is None:
            findings[day] = Finding(False, "fact_trades was never materialised for this day.", severity=severity)
            continue
        numbers = {"rows": verdict.rows, "symbols_compared": len(verdict.compared)}
        numbers["violations"] = verdict.counts.get(rule, 0)
        if rule in verdict.broken:
            findings[day] = Finding(False, f"{verdict.broken[rule]}. The day is not loaded.", numbers, severity)
        else:
            findings[day] = Finding(True, f"{verdict.rows:,} facts.", numbers)
    return findings
