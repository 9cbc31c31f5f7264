"""Checks of the days of a dataset: they read what was stored once, and each gives a result of its own."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from crypto_assets.checks.findings import Finding, as_result, not_there
from crypto_assets.checks.run_days import days_to_judge
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.schemas import Dataset
from resources.lake import LakeResource


@dataclass(frozen=True, slots=True)
class DayCheck[Day]:
    """A question about a stored day."""

    name: str
    description: str
    judge: Callable[[Day], Finding]
    blocking: bool = False
    """Whether assets that read this one wait for it, and do not run where it fails."""
    sampled: int | None = None
    """How many days of each symbol of a run are looked at, the last ones; None looks at all."""


def day_checks[Day](
    dataset: Dataset,
    days: DaySymbol,
    checks: Sequence[DayCheck[Day]],
    *,
    read: Callable[[Lake, Partition, datetime], Day | None],
    compared_with: Sequence[Dataset] = (),
) -> dg.AssetChecksDefinition:
    """One step for all checks of an asset; it waits for what it compares with, where the same run writes that.

    It looks at the partitions of its run; started on its own, without any, at the newest stored day of each symbol. A
    sampled check of several symbols takes as many times as long as one of a single symbol.
    `read` gives what is stored of a day, None where nothing was ever published.
    """

    @dg.multi_asset_check(
        name=f"{dataset.name}_checks",
        specs=check_specs(dataset, checks, compared_with=compared_with),
        can_subset=True,
    )
    def check_days(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        yield from judge_days(context, lake.lake, dataset, days, checks=checks, read=read)

    return check_days


def check_specs[Day](
    dataset: Dataset, checks: Sequence[DayCheck[Day]], *, compared_with: Sequence[Dataset] = ()
) -> list[dg.AssetCheckSpec]:
    """The checks of an asset as Dagster knows them."""
    return [
        dg.AssetCheckSpec(
            c.name,
            asset=dataset.name,
            description=c.description,
            blocking=c.blocking,
            additional_deps=[other.name for other in compared_with],
        )
        for c in checks
    ]


def judge_days[Day](
    context: dg.AssetCheckExecutionContext,
    lake: Lake,
    dataset: Dataset,
    days: DaySymbol,
    *,
    checks: Sequence[DayCheck[Day]],
    read: Callable[[Lake, Partition, datetime], Day | None],
) -> Iterator[dg.AssetCheckResult]:
    """Results of those of the checks that the step is asked for; see `day_checks`."""
    now = datetime.now(UTC)
    by_key = {dg.AssetCheckKey(dg.AssetKey(dataset.name), check.name): check for check in checks}
    asked = {key: check for key, check in by_key.items() if key in context.selected_asset_check_keys}
    findings: dict[dg.AssetCheckKey, dict[Partition, Finding]] = {key: {} for key in asked}
    with days_to_judge(context, days, newest=partial(_newest, lake, dataset, days)) as partitions:
        left = Counter(partition.symbol for partition in partitions)
        for partition in partitions:
            day = read(lake, partition, now)
            for key, check in asked.items():
                if check.sampled is None or left[partition.symbol] <= check.sampled:
                    findings[key][partition] = not_there(dataset.name) if day is None else check.judge(day)
            left[partition.symbol] -= 1
    for key, found in findings.items():
        yield as_result(key, found)


def _newest(lake: Lake, dataset: Dataset, days: DaySymbol) -> tuple[Partition, ...]:
    stored = ((symbol, lake.days(dataset, symbol)) for symbol in days.symbols)
    return tuple(Partition(symbol, held[-1]) for symbol, held in stored if held)
