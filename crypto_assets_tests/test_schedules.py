from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.config import Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.partitions import DaySymbol
from crypto_assets.schedules import yesterday_of

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def build(first: date) -> dg.RepositoryDefinition:
    settings = Settings(_env_file=None, symbols=SYMBOLS, partitions_start=first)  # pyright: ignore[reportCallIssue]
    return build_definitions(settings).get_repository_def()


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build(date(2024, 8, 1))


@pytest.mark.parametrize(
    ("name", "cron"),
    [
        *(("silver_daily", "0 1 * * *"), ("gold_daily", "0 2 * * *"), ("archive_daily", "0 12 * * *")),
        ("forecast_weekly", "0 3 * * 0"),
    ],
)
def test_yesterday_of_each_symbol_is_requested_once(repository: dg.RepositoryDefinition, name: str, cron: str) -> None:
    schedule = repository.get_schedule_def(name)
    at = datetime(2024, 8, 6, 1, 0, tzinfo=UTC)

    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=at, repository_def=repository)
        requests = schedule.evaluate_tick(context).run_requests or []

    assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert [request.partition_key for request in requests] == ["2024-08-05|BTCUSDT", "2024-08-05|ETHUSDT"]
    assert len({request.run_key for request in requests}) == 2


def test_the_first_schedule_makes_bronze_and_silver_and_the_second_gold(repository: dg.RepositoryDefinition) -> None:
    def groups(name: str) -> set[str | None]:
        job = repository.get_job(repository.get_schedule_def(name).job_name)
        layer = job.asset_layer
        return {layer.asset_graph.get(key).group_name for key in layer.executable_asset_keys}

    assert groups("silver_daily") == {"bronze", "silver"}
    assert groups("gold_daily") == {"gold"}
    assert groups("archive_daily") == {"bronze"}
    assert groups("forecast_weekly") == {"forecast"}


def test_before_the_first_day_is_over_nothing_is_requested() -> None:
    repository = build(date(2024, 8, 6))
    schedule = repository.get_schedule_def("silver_daily")
    at = datetime(2024, 8, 6, 1, 0, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=at, repository_def=repository)
        ticked = schedule.evaluate_tick(context)
    assert not ticked.run_requests
    assert "0 runs" in str(ticked.skip_message)


def test_yesterday_is_the_day_of_utc() -> None:
    late = datetime.fromisoformat("2024-08-05T23:30:00-02:00")  # 2024-08-06 01:30 UTC
    assert [p.key for p in yesterday_of(late, DaySymbol(date(2024, 8, 1), SYMBOLS))] == [
        "2024-08-05|BTCUSDT",
        "2024-08-05|ETHUSDT",
    ]


@pytest.mark.parametrize(
    ("job", "hour", "minute"), [("speed", 0, 15), ("health", 6, 0)], ids=["a quarter past midnight", "after the night"]
)
def test_yesterday_is_summarised_and_looked_at(
    repository: dg.RepositoryDefinition, job: str, hour: int, minute: int
) -> None:
    schedule = repository.get_schedule_def(f"{job}_daily")
    at = datetime(2024, 8, 6, hour, minute, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=at, repository_def=repository)
        (request,) = schedule.evaluate_tick(context).run_requests or []

    assert (schedule.cron_schedule, schedule.execution_timezone) == (f"{minute} {hour} * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.job_name, request.partition_key) == (job, "2024-08-05")


@pytest.mark.parametrize(
    ("name", "job", "variable", "at", "partition"),
    [
        ("warehouse_daily", "warehouse", "POSTGRES_URL", datetime(2024, 8, 6, 4, 0, tzinfo=UTC), "2024-08-05"),
        ("share_hourly", "share", "KAFKA_BOOTSTRAP_SERVERS", datetime(2024, 8, 6, 7, 5, tzinfo=UTC), "2024-08-06"),
    ],
)
def test_what_needs_a_service_is_asked_for_only_where_there_is_one(
    repository: dg.RepositoryDefinition,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    name: str,
    job: str,
    variable: str,
    at: datetime,
    partition: str,
) -> None:
    schedule = repository.get_schedule_def(name)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=at, repository_def=repository)
        without = schedule.evaluate_tick(context)
        monkeypatch.setenv(variable, "service.example:5432")
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert not without.run_requests
    assert "`make up` starts one" in (without.skip_message or "")
    assert (schedule.job_name, request.partition_key) == (job, partition)
