from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_assets.errors import LakeError
from crypto_assets.health.completeness import Completeness, completeness
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import FLAGS, SILVER_KLINES
from crypto_assets.spans import Span
from crypto_assets_tests.health.small_lake import DAY, NEXT_MORNING, SYMBOL, at, put_silver


def count(lake: Lake, *, now: datetime = NEXT_MORNING) -> Completeness:
    (found,) = completeness(lake, [SYMBOL], [DAY], now=now)
    return found


def test_a_whole_day_is_1440_of_1440_minutes(lake: Lake) -> None:
    put_silver(lake)
    found = count(lake)
    assert (found.rows, found.expected, found.filled, found.halt_minutes) == (1440, 1440, 0, 0)
    assert found.share == 1.0
    assert found.sentence == "silver_klines_1m 2024-08-05 BTCUSDT: 1,440/1,440 minutes."


def test_missing_minutes_are_named_with_the_command_that_may_bring_them(lake: Lake) -> None:
    put_silver(lake, minutes=[n for n in range(1440) if n not in (130, 131, 700)])
    found = count(lake)
    assert (found.rows, found.share) == (1437, 1437 / 1440)
    assert found.missing == (Span(at(2, 10), at(2, 12)), Span(at(11, 40), at(11, 41)))
    assert found.sentence == (
        "silver_klines_1m 2024-08-05 BTCUSDT: 1,437/1,440 minutes, missing 2024-08-05 02:10-02:12, 2024-08-05 "
        "11:40-11:41. Run: dagster job execute -m crypto_assets.definitions -j medallion --tags "
        '\'{"dagster/partition": "2024-08-05|BTCUSDT"}\''
    )


def test_one_minute_of_a_day_may_be_missing_and_two_may_not(lake: Lake) -> None:
    put_silver(lake, minutes=range(1439))
    assert count(lake).is_complete
    put_silver(lake, minutes=range(1438))
    assert not count(lake).is_complete


def test_a_halt_of_the_exchange_is_named_and_is_nobodys_fault(lake: Lake) -> None:
    put_silver(lake, minutes=[*range(600), *range(660, 1440)], halts=[(at(10), at(11))])
    found = count(lake)
    assert (found.rows, found.expected, found.halt_minutes, found.wanted) == (1380, 1440, 60, 1380)
    assert found.share == 1.0
    assert found.sentence == (
        "silver_klines_1m 2024-08-05 BTCUSDT: 1,380/1,380 minutes, the exchange halted for 60 more (2024-08-05 "
        "10:00-11:00)."
    )


def test_filled_minutes_count_and_those_that_contradict_themselves_do_not(lake: Lake) -> None:
    put_silver(lake, flags={5: FLAGS["filled"], 6: FLAGS["ohlc_violation"], 7: FLAGS["out_of_range"]})
    found = count(lake)
    assert (found.rows, found.filled, found.unusable) == (1440, 1, 2)
    assert found.share == 1438 / 1440
    assert "1,438/1,440 minutes, 1 of them filled, 2 more contradict themselves" in found.sentence


def test_a_candle_off_the_grid_is_nobodys_minute(lake: Lake) -> None:
    put_silver(lake)
    dataset = SILVER_KLINES["1m"]
    table = lake.read(dataset, SYMBOL, DAY)
    assert table is not None
    late = [t + timedelta(seconds=1) if n == 3 else t for n, t in enumerate(table["open_time"].to_pylist())]
    lake.publish(dataset, SYMBOL, DAY, table.set_column(0, table.schema.field(0), [late]))
    assert (count(lake).rows, count(lake).missing) == (1439, (Span(at(0, 3), at(0, 4)),))


def test_a_day_that_was_never_made_says_what_to_run(lake: Lake) -> None:
    found = count(lake)
    assert (found.rows, found.expected, found.share) == (None, 1440, None)
    assert "never materialised, 0/1,440 minutes. Run: dagster job execute" in found.sentence


def test_a_day_that_runs_is_judged_by_its_closed_minutes(lake: Lake) -> None:
    put_silver(lake, minutes=range(600))
    assert (count(lake, now=at(10)).expected, count(lake, now=at(10)).share) == (600, 1.0)
    assert count(lake, now=at(10) + timedelta(seconds=59)).expected == 600
    assert count(lake, now=at(10, 1)).expected == 601


def test_what_closed_after_a_running_day_was_written_is_told_and_not_missed(lake: Lake) -> None:
    put_silver(lake, minutes=range(600), known_until=at(10))
    found = count(lake, now=at(10, 7))
    assert (found.expected, found.behind, found.share) == (600, 7, 1.0)
    assert found.sentence.endswith("600/600 minutes, 7 closed since it was written.")


def test_once_the_day_is_over_what_was_written_early_lacks_the_rest(lake: Lake) -> None:
    put_silver(lake, minutes=range(600), known_until=at(10))
    found = count(lake, now=NEXT_MORNING)
    assert (found.expected, found.behind, found.rows) == (1440, 0, 600)
    assert found.missing == (Span(at(10), at(24)),)


def test_a_day_before_its_first_minute_has_closed_wants_nothing(lake: Lake) -> None:
    found = count(lake, now=at(0) + timedelta(seconds=30))
    assert (found.expected, found.share) == (0, None)
    assert found.sentence.endswith("no minute of this day has closed yet.")


def test_symbols_and_days_come_in_the_order_given(lake: Lake) -> None:
    days = [DAY, DAY - timedelta(days=1)]
    found = completeness(lake, ["ETHUSDT", SYMBOL], days, now=NEXT_MORNING)
    assert [(f.symbol, f.day) for f in found] == [(s, d) for s in ("ETHUSDT", SYMBOL) for d in days]


def test_a_damaged_file_is_told_with_its_place(lake: Lake) -> None:
    lake.files.publish(SILVER_KLINES["1m"].partition_path(SYMBOL, DAY), b"not parquet at all")
    with pytest.raises(LakeError, match=r"klines_1m\.parquet is no Parquet file"):
        count(lake)


@given(
    held=st.sets(st.integers(0, 59)),
    filled=st.sets(st.integers(0, 59)),
    halt=st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted),
    closed=st.integers(0, 60),
    written=st.integers(0, 60),
)
@example(held=set(), filled=set(), halt=[0, 60], closed=60, written=60)
@settings(max_examples=60)
def test_the_count_is_that_of_looking_at_each_minute(
    held: set[int], filled: set[int], halt: list[int], closed: int, written: int
) -> None:
    """Of the first hour of a day that runs at minute `closed`; written at `written`, with what had closed then."""
    judged = min(closed, written)
    rows = {minute for minute in held if minute < judged}
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        put_silver(
            lake,
            minutes=sorted(rows),
            flags=dict.fromkeys(filled, FLAGS["filled"]),
            halts=[(at(0) + timedelta(minutes=halt[0]), at(0) + timedelta(minutes=halt[1]))],
            known_until=at(0) + timedelta(minutes=written),
        )
        found = count(lake, now=at(0) + timedelta(minutes=closed))
    halted = {minute for minute in range(judged) if halt[0] <= minute < halt[1] and minute not in rows}
    assert (found.rows, found.expected, found.behind) == (len(rows), judged, closed - judged)
    assert (found.filled, found.halt_minutes) == (len(rows & filled), len(halted))
    assert sum(span.minutes for span in found.missing) == judged - len(rows) - len(halted)
    wanted = judged - len(halted)
    assert found.share == (len(rows) / wanted if wanted else 1.0)


def test_a_day_in_a_bucket_is_counted_like_one_in_a_folder(bucket: str) -> None:
    lake = Lake(f"{bucket}/lake")
    assert count(lake).rows is None
    put_silver(lake, minutes=range(1000), known_until=datetime(2024, 8, 6, tzinfo=UTC))
    assert (count(lake).rows, count(lake).expected) == (1000, 1440)
