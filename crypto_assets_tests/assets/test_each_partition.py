import gc
import sys
from collections.abc import Sequence
from datetime import date

import dagster as dg
import pytest

from crypto_assets.assets import each_partition
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.errors import BadPayload, NothingOfDay, RateLimited, Unavailable
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets_tests.assets.small_exchange import SmallPlatform, day, failures, time

ASSET = "bronze_klines_1m"


def test_each_partition_of_a_range_has_metadata_of_its_own(platform: SmallPlatform) -> None:
    platform.rest.holes = [(time(2, 0, 10), time(2, 0, 30))]

    result = platform.run(day(1), day(3), assets=[ASSET])

    assert result.success
    assert [platform.metadata(ASSET, day(n))["missing_minutes"] for n in (1, 2, 3)] == [0, 20, 0]
    assert platform.materialized(ASSET) == {day(n).key for n in (1, 2, 3)}


def test_the_keys_of_a_range_are_listed_as_often_for_a_month_as_for_two_days(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[dg.PartitionKeyRange] = []
    list_keys = dg.MultiPartitionsDefinition.get_partition_keys_in_range

    def note(
        definition: dg.MultiPartitionsDefinition, partition_key_range: dg.PartitionKeyRange, store: None = None
    ) -> Sequence[str]:
        listed.append(partition_key_range)
        return list_keys(definition, partition_key_range, store)

    monkeypatch.setattr(dg.MultiPartitionsDefinition, "get_partition_keys_in_range", note)

    def times_listed(last: date) -> int:
        listed.clear()
        days = DaySymbol(date(2024, 8, 1), ("BTCUSDT",))

        @day_asset("told", days, group="bronze", kinds=set(), description="Makes nothing.")
        def told(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            return materialize_each(context, days, lambda _: lambda day: Written(1, day.key, {"day": day.key}))

        tags = range_tags(Partition("BTCUSDT", days.first_day), Partition("BTCUSDT", last))
        job = dg.Definitions(assets=[told]).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(tags=tags)
        assert len(result.asset_materializations_for_node("told")) == (last - days.first_day).days + 1
        return len(listed)

    assert times_listed(date(2024, 8, 31)) == times_listed(date(2024, 8, 2))


def test_a_failed_day_is_named_and_the_days_before_it_stay(platform: SmallPlatform) -> None:
    platform.rest.errors[date(2024, 8, 3)] = [BadPayload("the response is not JSON")]

    result = platform.run(day(1), day(5), assets=[ASSET])

    assert not result.success
    (sentence,) = failures(result).values()
    assert "bronze_klines_1m 2024-08-03 BTCUSDT: the response is not JSON" in sentence
    assert "The 2 of 5 partitions before it are done and stay." in sentence
    assert platform.materialized(ASSET) == {day(1).key, day(2).key}
    assert platform.metadata(ASSET, day(2))["dagster/row_count"] == 1440


def test_a_day_of_which_nothing_was_published_keeps_no_other_from_being_written(platform: SmallPlatform) -> None:
    platform.rest.errors[date(2024, 8, 2)] = [NothingOfDay("nothing of this day")]

    result = platform.run(day(1), day(4), assets=[ASSET])

    (sentence,) = failures(result).values()
    assert "1 of 4 partitions failed. The 3 others are done and stay.\n2024-08-02 BTCUSDT: nothing of" in sentence
    assert platform.materialized(ASSET) == {day(1).key, day(3).key, day(4).key}


def test_a_failure_after_a_day_of_nothing_names_its_own_day(platform: SmallPlatform) -> None:
    platform.rest.errors[date(2024, 8, 2)] = [NothingOfDay("nothing of this day")]
    platform.rest.errors[date(2024, 8, 3)] = [BadPayload("the response is not JSON")]

    result = platform.run(day(1), day(4), assets=[ASSET])

    (sentence,) = failures(result).values()
    assert "bronze_klines_1m 2024-08-03 BTCUSDT: the response is not JSON" in sentence


def test_a_bug_is_not_retried_and_the_days_before_it_stay(platform: SmallPlatform) -> None:
    platform.rest.errors[date(2024, 8, 2)] = [ZeroDivisionError("a bug")]

    result = platform.run(day(1), day(3), assets=[ASSET])

    assert not result.success
    assert result.retry_attempts_for_node(ASSET) == 0
    assert platform.materialized(ASSET) == {day(1).key}


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each_partition, "RETRIES", dg.RetryPolicy(max_retries=2, delay=0))


@pytest.mark.usefixtures("without_pauses")
def test_an_error_that_may_pass_is_retried_and_goes_on_where_it_was(platform: SmallPlatform) -> None:
    platform.rest.errors[date(2024, 8, 2)] = [Unavailable("503"), Unavailable("503")]

    result = platform.run(day(1), day(3), assets=[ASSET])

    assert result.success
    assert result.retry_attempts_for_node(ASSET) == 2
    asked = [start.day for _, start, _ in platform.rest.asked]
    assert asked == [1, 2, 2, 2, 3]


@pytest.mark.usefixtures("without_pauses")
def test_an_error_that_does_not_pass_ends_the_run_with_what_was_done(platform: SmallPlatform) -> None:
    platform.rest.errors[date(2024, 8, 2)] = [Unavailable("503") for _ in range(9)]

    result = platform.run(day(1), day(3), assets=[ASSET])

    assert not result.success
    assert result.retry_attempts_for_node(ASSET) == 2
    assert platform.materialized(ASSET) == {day(1).key}


@pytest.mark.usefixtures("without_pauses")
def test_the_pause_is_as_long_as_the_exchange_asks_for(platform: SmallPlatform) -> None:
    platform.rest.errors[date(2024, 8, 1)] = [RateLimited("429", retry_after_s=0.015)]

    result = platform.run(day(1), assets=[ASSET])

    assert result.success
    (retried,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY]
    assert retried.step_retry_data.seconds_to_wait == 0.015


def test_pauses_grow_from_attempt_to_attempt() -> None:
    policy = each_partition.RETRIES

    assert policy.backoff is dg.Backoff.EXPONENTIAL
    assert policy.calculate_delay(4) > policy.calculate_delay(1)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({}, '--tags \'{"dagster/partition": "2024-08-05|BTCUSDT"}\''),
        ({"dagster/partition": "2099-01-01|BTCUSDT"}, "lies in the future"),
        ({"dagster/partition": "2024-08-01|DOGEUSDT"}, "names no symbol of this graph, which are BTCUSDT, ETHUSDT"),
        ({"dagster/partition": "2024-07-31|BTCUSDT"}, "before the first day, 2024-08-01"),
    ],
)
def test_a_run_without_a_possible_partition_says_what_to_give_and_no_frames(
    platform: SmallPlatform, tags: dict[str, str], said: str
) -> None:
    result = platform.run_with_tags(tags, assets=[ASSET])

    (failed,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    error = failed.step_failure_data.error
    assert error is not None
    assert said in error.message
    assert error.stack == []
    del result, failed, error
    gc.collect()
    assert not hasattr(sys, "tracebacklimit")


def test_a_range_says_how_far_it_is_in_a_few_lines(platform: SmallPlatform) -> None:
    result = platform.run(day(1), day(14), assets=[ASSET])

    said = [entry.user_message for entry in platform.instance.all_logs(result.run_id)]
    lines = [message for message in said if "rows=1440" in message]
    assert [line.split(", ")[-1] for line in lines] == ["3 of 14", "6 of 14", "9 of 14", "12 of 14", "14 of 14"]


def test_an_unchanged_range_keeps_its_data_version(platform: SmallPlatform) -> None:
    first, again = (platform.run(day(1), day(2), assets=[ASSET]) for _ in range(2))

    assert data_versions(first) == data_versions(again)
    platform.rest.price = 1.0
    assert data_versions(platform.run(day(3), day(4), assets=[ASSET])) != data_versions(first)


def data_versions(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        (event.materialization.tags or {})["dagster/data_version"]
        for event in result.get_asset_materialization_events()
    ]
