"""What Dagster remembers: the newest result of each check, and how runs went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

import dagster as dg

from crypto_assets.health.events import RANGE, CheckResult, RunState
from crypto_assets.run_tags import ends_of

MOST_RUNS = 5_000
"""Runs that are looked at, the newest: a week of a flush every five minutes, with what follows it."""

MOST_REMEMBERED = MOST_RUNS
"""Finished runs whose results a process keeps: Dagster's store takes some ms to tell those of one."""


class _Remembered:
    """Results of finished runs, which never change, by run id; the newest first."""

    def __init__(self) -> None:
        self._results: dict[str, tuple[CheckResult, ...]] = {}

    def results_of(self, instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> Iterator[CheckResult]:
        """Of runs, the newest first; those that are not known are asked for."""
        known, kept = self._results, dict[str, tuple[CheckResult, ...]]()
        for run in runs:
            found = known[run.run_id] if run.run_id in known else tuple(_results(instance, run))
            if run.is_finished:
                kept[run.run_id] = found
            yield from found
        self._results = dict(islice({**kept, **known}.items(), MOST_REMEMBERED))


_remembered = _Remembered()


def latest_checks(instance: dg.DagsterInstance, *, since: datetime | None = None) -> list[CheckResult]:
    """The newest result of each check for each partition or range, the newest first.

    Of runs that changed after `since`, by default of all, at most of the MOST_RUNS newest.
    """
    newest: dict[tuple[str, str, str | None], CheckResult] = {}
    for result in _remembered.results_of(instance, (record.dagster_run for record in _runs(instance, since=since))):
        key = (result.asset, result.check, result.partition)
        if key not in newest or newest[key].at < result.at:
            newest[key] = result
    return sorted(newest.values(), key=lambda result: result.at, reverse=True)


def recent_runs(instance: dg.DagsterInstance, *, since: datetime) -> list[RunState]:
    """Runs that changed after a moment, the newest first, at most MOST_RUNS."""
    return [state_of(instance, record) for record in _runs(instance, since=since)]


def state_of(instance: dg.DagsterInstance, record: dg.RunRecord, *, explain: bool = True) -> RunState:
    """How the run of a record went; why one failed is asked of Dagster only where wanted, a statement for each run."""
    run = record.dagster_run
    failed = run.status is dg.DagsterRunStatus.FAILURE
    return RunState(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status.value,
        started_at=_moment(record.start_time),
        ended_at=_moment(record.end_time),
        partition=_partition(run),
        sentence="" if not failed else _why(instance, run) if explain else "It failed; its log says why.",
        assets=tuple(sorted(key.to_user_string() for key in run.asset_selection or ())),
    )


def _runs(instance: dg.DagsterInstance, *, since: datetime | None) -> list[dg.RunRecord]:
    return list(instance.get_run_records(dg.RunsFilter(updated_after=since), limit=MOST_RUNS))


def _results(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[CheckResult]:
    found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    for record in found.records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        yield CheckResult(
            asset=evaluation.asset_key.to_user_string(),
            check=evaluation.check_name,
            partition=_partition(run),
            passed=evaluation.passed,
            severity=evaluation.severity.value,
            sentence=evaluation.description or "",
            at=datetime.fromtimestamp(record.event_log_entry.timestamp, UTC),
            run_id=run.run_id,
        )


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The sentence that a step was refused with, else the first line of its error, else what is said of the run."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    sentences: list[str] = []
    for record in instance.get_records_for_run(run.run_id, of_type=kinds).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            refused = data.user_failure_data.description if data.user_failure_data else None
            error = data.error.cause or data.error if data.error else None
            sentences.append(refused or (error.message.strip().partition("\n")[0] if error else event.message or ""))
        elif not sentences:
            sentences.append(event.message or "")
    return next(filter(None, sentences), "It failed, and Dagster does not say why.")


def _partition(run: dg.DagsterRun) -> str | None:
    ends = ends_of(run.tags)
    if ends is None:
        return None
    first, last = ends
    return first if first == last else f"{first}{RANGE}{last}"


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
