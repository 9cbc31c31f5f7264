from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from crypto_assets.partitions import DaySymbol, Partition, WholeDay, WholeDays, look_around, look_back, range_tags

NOW = datetime(2024, 8, 5, 23, 59, tzinfo=UTC)
DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT", "ETHUSDT"))


def test_keys_have_the_date_first() -> None:
    assert Partition("BTCUSDT", date(2024, 8, 5)).key == "2024-08-05|BTCUSDT"
    assert DAYS.definition.get_partition_keys(current_time=NOW)[:2] == ["2024-08-01|BTCUSDT", "2024-08-01|ETHUSDT"]


def test_the_day_that_runs_now_is_the_last_partition() -> None:
    assert DAYS.definition.get_partition_keys(current_time=NOW)[-1] == "2024-08-05|ETHUSDT"
    assert DAYS.parse("2024-08-05|BTCUSDT", now=NOW) == Partition("BTCUSDT", date(2024, 8, 5))


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("2024-08-06|BTCUSDT", "lies in the future: it is 2024-08-05 23:59 UTC. The newest partition is 2024-08-05"),
        ("2024-07-31|BTCUSDT", "is before the first day, 2024-08-01. Set PARTITIONS_START"),
        ("2024-08-05|DOGEUSDT", "names no symbol of this graph, which are BTCUSDT, ETHUSDT"),
        ("2024-08-05", "names no symbol"),
        ("BTCUSDT|2024-08-05", "is not a partition. Partitions are written like 2024-08-05|BTCUSDT"),
        ("", "is not a partition"),
    ],
)
def test_a_key_that_cannot_be_says_why(key: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        DAYS.parse(key, now=NOW)


def test_a_range_over_two_symbols_goes_through_one_after_the_other() -> None:
    tags = range_tags(Partition("BTCUSDT", date(2024, 8, 1)), Partition("ETHUSDT", date(2024, 8, 2)))

    keys = [partition.key for partition in DAYS.of_run(tags, now=NOW)]

    assert keys == ["2024-08-01|BTCUSDT", "2024-08-02|BTCUSDT", "2024-08-01|ETHUSDT", "2024-08-02|ETHUSDT"]
    ends = dg.PartitionKeyRange(tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
    assert set(keys) == set(DAYS.definition.get_partition_keys_in_range(ends))


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    tags = range_tags(Partition("BTCUSDT", date(2024, 8, 2)), Partition("BTCUSDT", date(2024, 8, 1)))
    with pytest.raises(ValueError, match="is empty"):
        DAYS.of_run(tags, now=NOW)


def test_a_range_that_ends_in_the_future_is_refused() -> None:
    tags = range_tags(Partition("BTCUSDT", date(2024, 8, 2)), Partition("BTCUSDT", date(2024, 8, 6)))
    with pytest.raises(ValueError, match="future"):
        DAYS.of_run(tags, now=NOW)


def test_a_run_without_tags_names_none() -> None:
    assert DAYS.of_run({"dagster/run_key": "x"}, now=NOW) == ()


def test_what_to_give_are_tags_that_work() -> None:
    lines = [line.strip() for line in DAYS.how_to_name.splitlines() if "--tags" in line]
    assert lines[0] == """--tags '{"dagster/partition": "2024-08-05|BTCUSDT"}'"""
    assert "dagster/asset_partition_range_start" in lines[1]


def test_looking_back_reads_the_same_symbol_and_misses_no_day_before_the_first() -> None:
    definition = DAYS.definition
    key = definition.get_partition_key_from_str("2024-08-03|ETHUSDT")
    wanted = definition.subset_with_partition_keys([key])

    mapped = look_back(4).get_upstream_mapped_partitions_result_for_partitions(
        wanted, definition, definition, current_time=NOW
    )

    assert sorted(mapped.partitions_subset.get_partition_keys()) == [f"2024-08-0{n}|ETHUSDT" for n in (1, 2, 3)]
    assert mapped.required_but_nonexistent_subset.is_empty


def test_looking_around_misses_no_day_that_is_yet_to_come() -> None:
    definition = DAYS.definition
    key = definition.get_partition_key_from_str(f"{NOW:%Y-%m-%d}|ETHUSDT")

    mapped = look_around(before=1, after=1).get_upstream_mapped_partitions_result_for_partitions(
        definition.subset_with_partition_keys([key]), definition, definition, current_time=NOW
    )

    wanted = [f"{NOW - timedelta(days=1):%Y-%m-%d}|ETHUSDT", f"{NOW:%Y-%m-%d}|ETHUSDT"]
    assert sorted(mapped.partitions_subset.get_partition_keys()) == wanted
    assert mapped.required_but_nonexistent_subset.is_empty


WHOLE_DAYS = WholeDays(date(2024, 8, 1))


def test_whole_days_and_ranges_of_them_come_from_the_tags_of_a_run() -> None:
    now = datetime(2024, 8, 9, 12, tzinfo=UTC)
    fourth, sixth = WholeDay(date(2024, 8, 4)), WholeDay(date(2024, 8, 6))
    assert WHOLE_DAYS.of_run({"dagster/partition": "2024-08-04"}, now=now) == (fourth,)
    found = WHOLE_DAYS.of_run(range_tags(fourth, sixth), now=now)
    assert [day.key for day in found] == ["2024-08-04", "2024-08-05", "2024-08-06"]
    assert WHOLE_DAYS.of_run({}, now=now) == ()
    with pytest.raises(ValueError, match="is empty"):
        WHOLE_DAYS.of_run(range_tags(sixth, fourth), now=now)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("2024-08-05|BTCUSDT", "is no day. Days are written like 2024-08-05"),
        ("2024-07-31", "before the first day, 2024-08-01"),
        ("2024-08-10", "lies in the future: it is 2024-08-09 12:00 UTC"),
    ],
)
def test_what_is_no_whole_day_is_refused_with_a_sentence(key: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        WHOLE_DAYS.parse(key, now=datetime(2024, 8, 9, 12, tzinfo=UTC))


def test_whole_days_are_those_of_dagster() -> None:
    keys = WHOLE_DAYS.definition.get_partition_keys(current_time=datetime(2024, 8, 3, 12, tzinfo=UTC))
    assert list(keys) == ["2024-08-01", "2024-08-02", "2024-08-03"]
