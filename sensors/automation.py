"""The sensor that asks each asset's automation condition, and starts what follows from a change."""

from __future__ import annotations

import dagster as dg

INTERVAL_S = 30


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Runs by default: a repaired day becomes silver and gold without anyone asking.

    Conditions are asked in the code location, because one of them is this project's own. Where several days of an asset
    are wanted at once they become a backfill: one run for each symbol and contiguous range of days or, where there are
    no more days than symbols, one for each day and contiguous range of symbols.
    """
    return dg.AutomationConditionSensorDefinition(
        "follow_changes",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=INTERVAL_S,
        use_user_code_server=True,
        description="Silver follows bronze, and gold follows silver, on every day whose input has changed.",
    )
