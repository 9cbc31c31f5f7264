"""The gate between the warehouse's files and Redshift: checks of facts, and of what Redshift holds of them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from crypto_assets.assets.each_partition import partitions_or_refusal
from crypto_assets.assets.speed import whole_days
from crypto_assets.checks.findings import ERROR, WARN, Finding, as_result
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.refusal import refuse
from crypto_assets.warehouse.tables import FACT_TRADES
from crypto_assets.warehouse.verdict import RULES, Verdict, judge_day
from resources.lake import LakeResource
from resources.warehouse import WarehouseResource

FACTS = dg.AssetKey(FACT_TRADES.name)


def warehouse_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """One step for the rules of the gate, a check each."""
    every_day = whole_days(days)
    by_key = {dg.AssetCheckKey(FACTS, rule): rule for rule in RULES}

    @dg.multi_asset_check(
        name="fact_trades_gate",
        specs=[
            dg.AssetCheckSpec(rule, asset=FACTS, description=description, blocking=True)
            for rule, description in RULES.items()
        ],
        can_subset=True,
    )
    def gate(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource, lake: LakeResource
    ) -> Iterator[dg.AssetCheckResult]:
        asked = partitions_or_refusal(context.run.tags, every_day, now=datetime.now(UTC))
        if not asked:
            refuse(every_day.how_to_name)
        try:
            store = warehouse.store
            verdicts = {day: judge_day(store, lake.lake, day.day, symbols=days.symbols) for day in asked}
        except CryptoAssetsError as error:
            refuse(str(error))
        for key in context.selected_asset_check_keys:
            yield as_result(key, findings_of(by_key[key], verdicts))

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
