"""An instance that has worked for years, without the years: what a real day of each asset told, told of other days.

The runs are Dagster's own, through the loop and over the partitions of the product's assets, with their dependencies;
metadata and results of checks are those of a day that was really made.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg

from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.runs.events import Order
from crypto_assets.runs.worker import run_order
from crypto_assets.schemas import BRONZE
from sensors.bronze_flush import FLUSHED


@dataclass(frozen=True, slots=True)
class Told:
    """What Dagster was told of an asset."""

    asset: dg.AssetKey
    metadata: Mapping[str, Any]
    tags: Mapping[str, str]
    checks: tuple[dg.AssetCheckEvaluation, ...]

    @property
    def name(self) -> str:
        """Of the asset."""
        return self.asset.to_user_string()


def told_by(instance: dg.DagsterInstance) -> list[Told]:
    """The newest of each asset of an instance in which some days were really made, with its checks."""
    checks: dict[dg.AssetKey, dict[str, dg.AssetCheckEvaluation]] = {}
    for run in instance.get_runs():
        found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        for record in found.records:
            if (event := record.event_log_entry.dagster_event) is not None:
                evaluation = event.asset_check_evaluation_data
                checks.setdefault(evaluation.asset_key, {})[evaluation.check_name] = evaluation
    told: list[Told] = []
    for key in sorted(instance.all_asset_keys()):
        newest = instance.get_latest_materialization_event(key)
        if newest is not None and newest.asset_materialization is not None:
            made, found = newest.asset_materialization, tuple(checks.get(key, {}).values())
            told.append(Told(key, made.metadata, made.tags or {}, found))
    return told


def stand_ins(told: Sequence[Told], days: DaySymbol, *, real: dg.Definitions) -> dg.Definitions:
    """The assets and their checks, with the dependencies that the real ones have among them, that only tell."""
    names = {one.asset for one in told}
    specs = {spec.key: spec for spec in real.resolve_all_asset_specs() if spec.key in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = [
            _asset(one, days, [dep for dep in specs[one.asset].deps if dep.asset_key in names])
            for one in told
            if one.asset in specs
        ]
        return dg.Definitions(
            assets=assets,
            asset_checks=[_checks(one) for one in told if one.checks and one.asset in specs],
            executor=dg.in_process_executor,
        )


def years_of(symbol: str, first: date, last: date, *, told: Sequence[Told]) -> Order:
    """A run over all of a symbol's days, as a backfill is one."""
    tags = range_tags(Partition(symbol, first), Partition(symbol, last))
    return Order(job=None, assets=tuple(one.name for one in told), tags=tags)


def flush_of(days: DaySymbol, day: date, *, told: Sequence[Told]) -> Order:
    """A run over a day of all symbols, of what a flush of the streams writes."""
    tags = range_tags(Partition(days.symbols[0], day), Partition(days.symbols[-1], day))
    flushed = {*FLUSHED, *(dataset.name for dataset in BRONZE if dataset.name.startswith("bronze_klines"))}
    return Order(job=None, assets=tuple(one.name for one in told if one.name in flushed), tags=tags)


def fill(orders: Sequence[Order], *, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    """Do the runs one after the other; raises RuntimeError where one fails."""
    with contextlib.redirect_stdout(io.StringIO()):  # what a worker tells its parent
        for order in orders:
            if not run_order(order, definitions=definitions, instance=instance):
                raise RuntimeError(f"the run of {order.tags} failed")


def days_for(partitions: int, *, symbols: int, assets: int, until: date) -> tuple[date, date]:
    """First and last day that give at least so many asset partitions, the last one being the day before `until`."""
    last = until - timedelta(days=1)
    return last - timedelta(days=-(-partitions // (symbols * assets)) - 1), last


def _asset(told: Told, days: DaySymbol, deps: Sequence[dg.AssetDep]) -> dg.AssetsDefinition:
    @day_asset(told.name, days, group="filled", kinds=set(), description="Tells, and makes nothing.", deps=deps)
    def tell(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return materialize_each(context, days, lambda _: lambda day: Written(1, day.key, told.metadata))

    return tell


def _checks(told: Told) -> dg.AssetChecksDefinition:
    specs = [dg.AssetCheckSpec(one.check_name, asset=told.asset) for one in told.checks]

    @dg.multi_asset_check(name=f"{told.name}_checks", specs=specs)
    def tell() -> Iterator[dg.AssetCheckResult]:
        for one in told.checks:
            yield dg.AssetCheckResult(
                asset_key=one.asset_key,
                check_name=one.check_name,
                passed=one.passed,
                severity=one.severity,
                description=one.description,
                metadata=one.metadata,
            )

    return tell
