"""Which failed runs nobody has made good yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from crypto_assets.alerts.facts import FailedRuns
from crypto_assets.alerts.runs import AT_ONCE, EXPLAINED, NEXT_ONE_DOES_IT, STEADY, failed_runs, supervising_starts
from crypto_assets.config import Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.run_tags import tags_of
from proof.scale.asking import counted_statements

NOW = datetime.now(UTC)
DAY = {"dagster/partition": "2026-01-01|BTCUSDT"}
Status = dg.DagsterRunStatus


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dg.op
def nothing() -> None: ...


def record(
    instance: dg.DagsterInstance,
    job: str,
    status: dg.DagsterRunStatus,
    *,
    tags: dict[str, str] | None = None,
    assets: tuple[str, ...] = (),
) -> str:
    """A run as Dagster would have recorded it."""
    graph = dg.GraphDefinition(name=job, node_defs=[nothing])
    chosen = {dg.AssetKey(name) for name in assets} or None
    run = instance.create_run_for_job(graph.to_job(name=job), tags=tags)
    if chosen:
        instance.delete_run(run.run_id)
        run = instance.add_run(run._replace(asset_selection=frozenset(chosen)))
    instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job), run.run_id)
    if status is Status.FAILURE:
        instance.report_run_failed(run, "it failed")
    if status is Status.CANCELED:
        instance.report_run_canceled(run)
    if status is Status.SUCCESS:
        instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, job), run.run_id)
    return run.run_id


def record_many(
    instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus, tags: Iterable[dict[str, str]]
) -> None:
    """Many runs, without the events by which each came to its end."""
    for one in tags:
        instance.add_run(dg.DagsterRun(job_name=job, status=status, tags=one))


def found(instance: dg.DagsterInstance, *, after: timedelta = timedelta()) -> list[FailedRuns]:
    return list(failed_runs(instance, since=NOW - timedelta(days=1), now=datetime.now(UTC) + after))


def test_failures_of_one_job_and_day_are_one_until_a_run_of_it_succeeds(instance: dg.DagsterInstance) -> None:
    record(instance, "medallion", Status.FAILURE, tags=DAY)
    newest = record(instance, "medallion", Status.FAILURE, tags=DAY)
    record(instance, "medallion", Status.CANCELED, tags=DAY)
    record(instance, "medallion", Status.SUCCESS)
    record(instance, "share", Status.SUCCESS, tags=DAY)
    (failed,) = found(instance)
    assert (failed.newest.run_id, failed.count, failed.newest.partition) == (newest, 2, "2026-01-01|BTCUSDT")
    record(instance, "medallion", Status.SUCCESS, tags=DAY)
    assert found(instance) == []


def test_a_success_before_the_failure_makes_nothing_good(instance: dg.DagsterInstance) -> None:
    record(instance, "medallion", Status.SUCCESS, tags=DAY)
    record(instance, "medallion", Status.FAILURE, tags=DAY)
    assert len(found(instance)) == 1


def test_a_run_of_other_assets_makes_nothing_good_and_one_of_more_does(instance: dg.DagsterInstance) -> None:
    record(instance, "__ASSET_JOB", Status.FAILURE, tags=DAY, assets=("silver", "gold"))
    record(instance, "__ASSET_JOB", Status.SUCCESS, tags=DAY, assets=("gold",))
    (failed,) = found(instance)
    assert failed.newest.assets == ("gold", "silver")
    record(instance, "__ASSET_JOB", Status.SUCCESS, tags=DAY, assets=("bronze", "silver", "gold"))
    assert found(instance) == []


def test_the_next_flush_does_what_one_that_failed_did_not(instance: dg.DagsterInstance) -> None:
    record(instance, "bronze_flush", Status.FAILURE, tags=DAY)
    record(instance, "bronze_flush", Status.FAILURE)
    assert [one.count for one in found(instance)] == [2]
    record(instance, "bronze_flush", Status.SUCCESS, tags={"dagster/partition": "2026-01-02|BTCUSDT"})
    assert found(instance) == []


def test_a_supervising_run_has_made_it_good_once_it_lasts(instance: dg.DagsterInstance) -> None:
    record(instance, "market_stream", Status.FAILURE)
    record(instance, "market_stream", Status.STARTED)
    assert len(found(instance)) == 1
    assert found(instance, after=STEADY) == []


def test_a_failure_is_found_however_many_came_after_it(instance: dg.DagsterInstance) -> None:
    record(instance, "medallion", Status.FAILURE, tags=DAY)
    record_many(instance, "bronze_flush", Status.FAILURE, [{}] * (2 * AT_ONCE))
    assert [(one.newest.job, one.count) for one in found(instance)] == [("bronze_flush", 800), ("medallion", 1)]


@pytest.mark.parametrize("tags", [DAY, {}, tags_of("2026-01-01|BTCUSDT", "2026-01-09|BTCUSDT")])
def test_what_was_made_good_stays_so_however_many_runs_succeed_after_it(
    instance: dg.DagsterInstance, tags: dict[str, str]
) -> None:
    record(instance, "medallion", Status.FAILURE, tags=tags)
    record_many(instance, "medallion", Status.SUCCESS, (tags_of(f"day {n}", f"day {n + 1}") for n in range(AT_ONCE)))
    assert len(found(instance)) == 1
    record(instance, "medallion", Status.SUCCESS, tags=tags)
    record_many(instance, "medallion", Status.SUCCESS, (tags_of(f"day {n}") for n in range(AT_ONCE)))
    assert found(instance) == []


def test_a_day_is_made_good_by_a_range_of_that_day_alone(instance: dg.DagsterInstance) -> None:
    record(instance, "medallion", Status.FAILURE, tags=tags_of("2026-01-01|BTCUSDT"))
    record(instance, "medallion", Status.SUCCESS, tags=tags_of("2026-01-01|BTCUSDT", "2026-01-02|BTCUSDT"))
    assert len(found(instance)) == 1
    record(instance, "medallion", Status.SUCCESS, tags=tags_of("2026-01-01|BTCUSDT", "2026-01-01|BTCUSDT"))
    assert found(instance) == []


def test_runs_of_a_day_and_of_none_are_made_good_each_by_its_own(instance: dg.DagsterInstance) -> None:
    for tags in (DAY, {}):
        record(instance, "medallion", Status.FAILURE, tags=tags)
    record(instance, "medallion", Status.SUCCESS, tags=DAY)
    assert [one.newest.partition for one in found(instance)] == [None]
    record(instance, "medallion", Status.SUCCESS)
    assert found(instance) == []


def test_many_days_that_failed_and_were_made_good_are_as_many_statements_as_one(instance: dg.DagsterInstance) -> None:
    days = [tags_of(f"day {n}") for n in range(AT_ONCE - 1)]
    asked: list[int] = []
    for some in (days[:1], days[1:]):
        record_many(instance, "medallion", Status.FAILURE, some)
        record_many(instance, "medallion", Status.SUCCESS, some)
        with counted_statements() as statements:
            assert found(instance) == []
            asked.append(statements())
    assert asked[0] == asked[1]


def test_dagster_is_asked_why_of_the_newest_failures_only(instance: dg.DagsterInstance) -> None:
    record(instance, "medallion", Status.FAILURE, tags=DAY)
    record_many(instance, "medallion", Status.FAILURE, (tags_of(f"day {n}") for n in range(EXPLAINED)))
    sentences = [one.newest.sentence for one in found(instance)]
    assert sentences[0] == "It failed, and Dagster does not say why."
    assert sentences[-1] == "It failed; its log says why."


def test_old_failures_are_not_looked_at(instance: dg.DagsterInstance) -> None:
    record(instance, "medallion", Status.FAILURE)
    later = datetime.now(UTC) + timedelta(seconds=5)
    assert failed_runs(instance, since=later, now=later) == ()


def test_supervising_runs_are_counted_whatever_became_of_them(instance: dg.DagsterInstance) -> None:
    ids = {record(instance, "market_stream", status) for status in (Status.FAILURE, Status.STARTED)}
    record(instance, "share", Status.SUCCESS)
    starts = supervising_starts(instance, since=NOW - timedelta(minutes=1))
    assert {run for run, _ in starts} == ids
    assert all(abs((at - datetime.now(UTC)).total_seconds()) < 60 for _, at in starts)


def test_jobs_that_are_named_here_exist() -> None:
    definitions = build_definitions(Settings.model_validate({}))
    assert {job.name for job in definitions.jobs or ()} >= NEXT_ONE_DOES_IT
