from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from crypto_assets.health import dagster_events
from crypto_assets.health.dagster_events import latest_checks, recent_runs
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.refusal import refuse
from crypto_assets.run_tags import PARTITION_TAG
from crypto_assets_tests.health.small_lake import DAY

DAYS = DaySymbol(DAY, ("BTCUSDT",))
FIRST, SECOND = Partition("BTCUSDT", DAY), Partition("BTCUSDT", DAY + timedelta(days=1))


@dg.asset(partitions_def=DAYS.definition, backfill_policy=dg.BackfillPolicy.single_run())
def candles(context: dg.AssetExecutionContext) -> None:
    if context.run.tags.get("refuse"):
        refuse("candles 2024-08-05 BTCUSDT: bronze is absent. Run: something")
    if context.run.tags.get("crash"):
        raise KeyError("open_time")


@dg.asset_check(asset=candles, description="Prices are above zero.")
def positive(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    passed = "bad" not in context.run.tags
    return dg.AssetCheckResult(
        passed=passed, severity=dg.AssetCheckSeverity.WARN, description="All are." if passed else "One is not."
    )


DEFINITIONS = dg.Definitions(
    assets=[candles],
    asset_checks=[positive],
    jobs=[dg.define_asset_job("medallion", selection="*")],
    executor=dg.in_process_executor,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One that keeps runs in files, as DAGSTER_HOME does."""
    with dg.DagsterInstance.local_temp() as instance:
        yield instance


def execute(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    job = DEFINITIONS.resolve_job_def("medallion")
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id


def test_the_newest_result_of_a_check_for_each_partition_is_told(instance: dg.DagsterInstance) -> None:
    before = datetime.now(UTC)
    execute(instance, {PARTITION_TAG: FIRST.key, "bad": "1"})
    repeated = execute(instance, {PARTITION_TAG: FIRST.key})
    execute(instance, range_tags(FIRST, SECOND) | {"bad": "1"})
    ranged, single = latest_checks(instance)
    assert (single.asset, single.check, single.partition) == ("candles", "positive", FIRST.key)
    assert (single.passed, single.sentence, single.run_id) == (True, "All are.", repeated)
    assert (ranged.partition, ranged.passed) == (f"{FIRST.key}...{SECOND.key}", False)
    assert (ranged.severity, ranged.sentence) == ("WARN", "One is not.")
    assert before <= single.at <= ranged.at <= datetime.now(UTC)
    assert latest_checks(instance, since=datetime.now(UTC) + timedelta(seconds=1)) == []


def test_results_of_a_finished_run_are_asked_for_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = execute(instance, {PARTITION_TAG: FIRST.key})
    asked: list[str] = []
    ask = instance.get_records_for_run

    def count(run_id: str, **options: Any) -> object:
        asked.append(run_id)
        return ask(run_id, **options)

    monkeypatch.setattr(instance, "get_records_for_run", count)
    monkeypatch.setattr(dagster_events, "MOST_REMEMBERED", 1)
    assert [result.run_id for result in latest_checks(instance)] == [first]
    assert latest_checks(instance) == latest_checks(instance)
    assert asked == [first]
    second = execute(instance, {PARTITION_TAG: SECOND.key})
    assert [result.run_id for result in latest_checks(instance)] == [second, first]
    assert asked == [first, second]
    latest_checks(instance)
    assert asked == [first, second, first]  # of one that is kept it is the newest


def test_a_run_tells_how_it_went_and_why_it_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(instance, {PARTITION_TAG: FIRST.key})
    execute(instance, {PARTITION_TAG: FIRST.key, "refuse": "1"})
    execute(instance, {PARTITION_TAG: FIRST.key, "crash": "1"})
    crashed, refused, well = recent_runs(instance, since=datetime.now(UTC) - timedelta(minutes=5))
    assert [run.status for run in (well, refused, crashed)] == ["SUCCESS", "FAILURE", "FAILURE"]
    assert (well.job, well.partition, well.sentence) == ("medallion", FIRST.key, "")
    assert refused.sentence == "candles 2024-08-05 BTCUSDT: bronze is absent. Run: something"
    assert crashed.sentence == "KeyError: 'open_time'"
    assert well.started_at is not None
    assert well.ended_at is not None
    assert well.started_at <= well.ended_at
    monkeypatch.setattr(dagster_events, "MOST_RUNS", 1)
    assert [run.run_id for run in recent_runs(instance, since=well.started_at)] == [crashed.run_id]


def test_an_instance_without_runs_has_nothing_to_tell(instance: dg.DagsterInstance) -> None:
    assert latest_checks(instance) == []
    assert recent_runs(instance, since=datetime.now(UTC)) == []
