"""When assets run by themselves: as soon as what they read has changed, whichever day that is, once the day is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from crypto_assets.config import read_settings
from resources.exchange import exchange_now

_Condition = dg.AutomationCondition

_INPUT_CHANGED = _Condition.any_deps_match(
    _Condition.data_version_changed() | _Condition.will_be_requested()
).with_label("input_changed")

_WAITING = _INPUT_CHANGED.since_last_handled()
"""True from the change of an input until the day was requested or written.

Not `eager()`: that looks at the latest day only, and a repaired day lies anywhere. Not `newly_updated()`: a bronze day
that was converged again without a new row or a newly confirmed halt has not changed.
"""

_NOTHING_RUNS = ~_Condition.any_deps_in_progress() & ~_Condition.in_progress()


@dataclass(frozen=True)
class OwnDayExists(dg.AutomationCondition[dg.AssetKey]):
    """True for the days of an asset for which each of `inputs` has the same day.

    `any_deps_missing()` cannot say this of an asset that looks back: it would ask for all the days it may read.
    """

    inputs: tuple[str, ...]

    @property
    def description(self) -> str:
        """What the UI shows beside the condition."""
        return f"The day itself exists in {', '.join(self.inputs)}"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """The candidates among the days that all inputs have."""
        days = context.candidate_subset
        for name in self.inputs:
            if days.is_empty:
                break
            present = context.asset_graph_view.instance.get_materialized_partitions(dg.AssetKey(name))
            days = days.compute_intersection_with_partition_keys(days.expensively_compute_partition_keys() & present)
        return dg.AutomationResult(context, true_subset=days)


SETTLED_AFTER = timedelta(minutes=20)
"""How long after midnight a day is taken for over: its last flush to bronze is done by then."""


@dataclass(frozen=True)
class DayIsOver(dg.AutomationCondition[dg.AssetKey]):
    """True for the days that have ended by the exchange's clock, in UTC.

    The day that runs changes with every flush of the streams: silver and gold of it are made when somebody asks.
    """

    @property
    def description(self) -> str:
        """What the UI shows beside the condition."""
        return (
            f"The UTC day ended {SETTLED_AFTER // timedelta(minutes=1)} minutes ago or earlier, by the exchange's clock"
        )

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """The candidates among the days that are over."""
        days = context.candidate_subset
        if not days.is_empty:
            now = exchange_now(read_settings(), wall=context.evaluation_time)
            keys = days.expensively_compute_partition_keys()
            days = days.compute_intersection_with_partition_keys({key for key in keys if is_over(key, now=now)})
        return dg.AutomationResult(context, true_subset=days)


def is_over(key: str, *, now: datetime) -> bool:
    """Whether the day of a partition key had ended, and its last flush is done, at a moment (UTC)."""
    return date.fromisoformat(key.partition("|")[0]) < (now - SETTLED_AFTER).date()


def when_inputs_change() -> dg.AutomationCondition:
    """For an asset whose day is made from the same day of each input: when one changed, none is
    missing, and the day is over."""
    return _WAITING & DayIsOver() & ~_Condition.any_deps_missing() & _NOTHING_RUNS


def when_window_changes(*, own_day: tuple[str, ...]) -> dg.AutomationCondition:
    """For an asset that looks back: when a day of its window changed, and its own day exists in the inputs named.

    Days of the window that were never materialised do not hold it up.
    """
    return _WAITING & DayIsOver() & OwnDayExists(own_day) & _NOTHING_RUNS
