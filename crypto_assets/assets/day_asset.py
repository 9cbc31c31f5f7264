"""What all assets by day have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

from crypto_assets.partitions import DaySymbol, WholeDays


def day_asset(
    name: str,
    days: DaySymbol | WholeDays,
    *,
    group: str,
    kinds: set[str],
    description: str,
    metadata: Mapping[str, Any] | None = None,
    deps: Iterable[str | dg.AssetDep] = (),
    follows: dg.AutomationCondition | None = None,
    pool: str | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declares an asset of which one run may write any range of days.

    `follows` says when it runs by itself: never without it. Dagster may be told how many of a `pool` run at once.
    """
    return dg.asset(
        name=name,
        group_name=group,
        kinds=kinds,
        description=description,
        metadata=metadata,
        deps=deps,
        partitions_def=days.definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
        automation_condition=follows,
        pool=pool,
    )
