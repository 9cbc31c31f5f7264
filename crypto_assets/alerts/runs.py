"""Runs that failed, and whether a later one made it good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from crypto_assets.alerts.facts import FailedRuns
from crypto_assets.health.dagster_events import state_of
from crypto_assets.health.events import RunState
from crypto_assets.run_tags import ends_of

MOST = 200
"""Failed runs that are looked at, the newest."""
NEXT_ONE_DOES_IT = frozenset({"bronze_flush", "bronze_retention", "market_stream"})
"""Jobs of which any later run does what a failed one did not, whatever partitions it names."""
SUPERVISING = "market_stream"
STEADY = timedelta(minutes=10)
"""A supervising run never succeeds while it does its work: one that lasts so long has made it good."""


def failed_runs(instance: dg.DagsterInstance, *, since: datetime, now: datetime) -> tuple[FailedRuns, ...]:
    """Failures of runs that ended at `since` or later and that no later run made good, the newest first.

    Those of one job, partition and choice of assets are one.
    """
    failures = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since), limit=MOST
    )
    grouped: dict[tuple[object, ...], list[dg.RunRecord]] = {}
    for record in failures:
        grouped.setdefault(_what(record.dagster_run), []).append(record)
    return tuple(
        _failed(instance, records) for records in grouped.values() if not _is_made_good(instance, records[0], now=now)
    )


def supervising_starts(instance: dg.DagsterInstance, *, since: datetime) -> list[tuple[str, datetime]]:
    """Id and moment of the runs that supervise the market stream and were made at `since` or later."""
    records = instance.get_run_records(dg.RunsFilter(job_name=SUPERVISING, created_after=since), limit=MOST)
    return [(record.dagster_run.run_id, _aware(record.create_timestamp)) for record in records]


def _failed(instance: dg.DagsterInstance, records: Sequence[dg.RunRecord]) -> FailedRuns:
    newest: RunState = state_of(instance, records[0])
    ends = [_aware(record.update_timestamp) for record in records]
    return FailedRuns(newest, len(records), min(ends))


def _is_made_good(instance: dg.DagsterInstance, failed: dg.RunRecord, *, now: datetime) -> bool:
    run = failed.dagster_run
    good = [dg.DagsterRunStatus.SUCCESS]
    if run.job_name == SUPERVISING:
        good.append(dg.DagsterRunStatus.STARTED)
    later = instance.get_run_records(
        dg.RunsFilter(job_name=run.job_name, statuses=good, created_after=failed.create_timestamp), limit=MOST
    )
    return any(_does_the_same(record, run) and _worked(record, now=now) for record in later)


def _does_the_same(record: dg.RunRecord, failed: dg.DagsterRun) -> bool:
    run = record.dagster_run
    if run.job_name in NEXT_ONE_DOES_IT:
        return True
    if ends_of(run.tags) != ends_of(failed.tags):
        return False
    return _covers(run.asset_selection, failed.asset_selection)


def _covers(chosen: Iterable[dg.AssetKey] | None, wanted: Iterable[dg.AssetKey] | None) -> bool:
    """Whether a choice of assets, None for all of the job, holds another one."""
    return chosen is None or (wanted is not None and set(wanted) <= set(chosen))


def _worked(record: dg.RunRecord, *, now: datetime) -> bool:
    if record.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
        return True
    return record.start_time is not None and now - datetime.fromtimestamp(record.start_time, UTC) >= STEADY


def _what(run: dg.DagsterRun) -> tuple[object, ...]:
    if run.job_name in NEXT_ONE_DOES_IT:
        return (run.job_name,)
    return (run.job_name, ends_of(run.tags), run.asset_selection)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
