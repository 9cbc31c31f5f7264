"""Runs that failed, and whether a later one made it good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched

import dagster as dg

from crypto_assets.alerts.facts import FailedRuns
from crypto_assets.health.dagster_events import state_of
from crypto_assets.run_tags import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG, ends_of

AT_ONCE = 400
"""Records that one statement brings, and partitions that it asks about."""
EXPLAINED = 200
"""Failed runs, the newest, of which Dagster is asked why: each is a statement of its own."""
NEXT_ONE_DOES_IT = frozenset({"bronze_flush", "bronze_retention", "market_stream"})
"""Jobs of which any later run does what a failed one did not, whatever partitions it names."""
SUCCESS = dg.DagsterRunStatus.SUCCESS
SUPERVISING = "market_stream"
STEADY = timedelta(minutes=10)
"""A supervising run never succeeds while it does its work: one that lasts so long has made it good."""


type _Subject = tuple[str, str] | None
"""First and last partition that a run is about; None where it names none, or where any later run does it."""


@dataclass(slots=True)
class _Failures:
    """Failures of one job, partition and choice of assets."""

    newest: dg.RunRecord
    count: int
    first_at: datetime


def failed_runs(instance: dg.DagsterInstance, *, since: datetime, now: datetime) -> tuple[FailedRuns, ...]:
    """Failures of runs that ended at `since` or later and that no later run made good, the newest first.

    Those of one job, partition and choice of assets are one. All are found, however many: one that was left out would
    look as if it had been made good.
    """
    found = _failures(instance, since=since)
    lasting: list[_Failures] = []
    for job in dict.fromkeys(one.newest.dagster_run.job_name for one in found):
        of_job = [one for one in found if one.newest.dagster_run.job_name == job]
        lasting += _next_one(instance, of_job, now=now) if job in NEXT_ONE_DOES_IT else _left(instance, job, of_job)
    lasting.sort(key=lambda one: one.newest.storage_id, reverse=True)
    return tuple(
        FailedRuns(state_of(instance, one.newest, explain=number < EXPLAINED), one.count, one.first_at)
        for number, one in enumerate(lasting)
    )


def supervising_starts(instance: dg.DagsterInstance, *, since: datetime) -> list[tuple[str, datetime]]:
    """Id and moment of the runs that supervise the market stream and were made at `since` or later."""
    records = _records(instance, dg.RunsFilter(job_name=SUPERVISING, created_after=since))
    return [(record.dagster_run.run_id, _aware(record.create_timestamp)) for record in records]


def _records(instance: dg.DagsterInstance, wanted: dg.RunsFilter, *, ascending: bool = False) -> Iterator[dg.RunRecord]:
    """All that are wanted, in the order in which they were made or the newest first."""
    cursor: str | None = None
    while True:
        page = instance.get_run_records(wanted, limit=AT_ONCE, cursor=cursor, ascending=ascending)
        yield from page
        if len(page) < AT_ONCE:
            return
        cursor = page[-1].dagster_run.run_id


def _failures(instance: dg.DagsterInstance, *, since: datetime) -> list[_Failures]:
    found: dict[tuple[object, ...], _Failures] = {}
    for record in _records(instance, dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)):
        run, ended_at = record.dagster_run, _aware(record.update_timestamp)
        what = (run.job_name, _subject(run), None if run.job_name in NEXT_ONE_DOES_IT else run.asset_selection)
        one = found.setdefault(what, _Failures(record, 0, ended_at))
        one.count += 1
        one.first_at = min(one.first_at, ended_at)
    return list(found.values())


def _subject(run: dg.DagsterRun) -> _Subject:
    return None if run.job_name in NEXT_ONE_DOES_IT else ends_of(run.tags)


def _next_one(instance: dg.DagsterInstance, failed: list[_Failures], *, now: datetime) -> list[_Failures]:
    """Those of a job that were not made good, where any later run does that."""
    run, after = failed[0].newest.dagster_run, failed[0].newest.create_timestamp
    good = dg.RunsFilter(job_name=run.job_name, statuses=[SUCCESS], created_after=after)
    if instance.get_run_records(good, limit=1):
        return []
    if run.job_name == SUPERVISING:
        lasts = dg.RunsFilter(job_name=SUPERVISING, statuses=[dg.DagsterRunStatus.STARTED], created_after=after)
        if any(_is_steady(record, now=now) for record in _records(instance, lasts)):
            return []
    return failed


def _left(instance: dg.DagsterInstance, job: str, failed: Iterable[_Failures]) -> list[_Failures]:
    """Those of a job that no later run about the same made good."""
    left: dict[_Subject, list[_Failures]] = {}
    for one in failed:
        left.setdefault(_subject(one.newest.dagster_run), []).append(one)
    for subjects, tags in _asked(left):
        created = [one.newest.create_timestamp for subject in subjects for one in left[subject]]
        if not created:
            continue
        number = len(created)
        good = dg.RunsFilter(job_name=job, statuses=[SUCCESS], created_after=min(created), tags=tags)
        # The oldest first: what makes good comes soon after the failure, whatever of the same job follows for days.
        for record in _records(instance, good, ascending=True):
            subject = _subject(record.dagster_run)
            if subject not in subjects:
                continue
            before = left[subject]
            left[subject] = [one for one in before if not _makes_good(record, one.newest)]
            number -= len(before) - len(left[subject])
            if number == 0:
                break
    return [one for those in left.values() for one in those]


def _asked(subjects: Iterable[_Subject]) -> Iterator[tuple[frozenset[_Subject], dict[str, list[str]]]]:
    """Subjects that one search finds all runs about, and the tags to search for."""
    known = list(subjects)
    if None in known:
        yield frozenset([None]), {}
    for some in batched([one for one in known if one is not None], AT_ONCE):
        single = [one for one in some if one[0] == one[1]]
        if single:
            yield frozenset(single), {PARTITION_TAG: [first for first, _ in single]}
        yield (
            frozenset(some),
            {RANGE_START_TAG: [first for first, _ in some], RANGE_END_TAG: [last for _, last in some]},
        )


def _makes_good(record: dg.RunRecord, failed: dg.RunRecord) -> bool:
    """Whether a run that succeeded, of the same job and subject, came later and made as much."""
    if record.create_timestamp <= failed.create_timestamp:
        return False
    return _covers(record.dagster_run.asset_selection, failed.dagster_run.asset_selection)


def _covers(chosen: Iterable[dg.AssetKey] | None, wanted: Iterable[dg.AssetKey] | None) -> bool:
    """Whether a choice of assets, None for all of the job, holds another one."""
    return chosen is None or (wanted is not None and set(wanted) <= set(chosen))


def _is_steady(record: dg.RunRecord, *, now: datetime) -> bool:
    return record.start_time is not None and now - datetime.fromtimestamp(record.start_time, UTC) >= STEADY


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
