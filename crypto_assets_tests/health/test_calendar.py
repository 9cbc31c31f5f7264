from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.calendar import DayCoverage, GapMinutes, coverage, gap_minutes
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest, Retired
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_LIQUIDATIONS, SILVER_KLINES, SILVER_ORDERBOOK, Dataset
from crypto_assets_tests.health.small_lake import DAY, NEXT_MORNING, SYMBOL, at, gap, gold, put_bronze, put_silver

MINUTES, BRONZE_MINUTES = SILVER_KLINES["1m"], BRONZE_KLINES["1m"]
ONE_DAY = timedelta(days=1)


def state(lake: Lake, dataset: Dataset, *, now: datetime = NEXT_MORNING, day: date = DAY) -> DayCoverage:
    (found,) = coverage(lake, [dataset], [SYMBOL], start=day, end=day + ONE_DAY, now=now)
    return found


def test_every_day_of_every_dataset_and_symbol_is_told_in_order(lake: Lake) -> None:
    put_silver(lake)
    found = coverage(
        lake, [MINUTES, GOLD_FEATURES], [SYMBOL, "ETHUSDT"], start=DAY, end=DAY + 2 * ONE_DAY, now=NEXT_MORNING
    )
    places = [(f.dataset, f.symbol, f.day) for f in found]
    assert places == [
        (dataset, symbol, day)
        for dataset in ("silver_klines_1m", "gold_features")
        for symbol in (SYMBOL, "ETHUSDT")
        for day in (DAY, DAY + ONE_DAY)
    ]
    assert [f.state for f in found] == ["complete", *["absent"] * 7]
    assert state(lake, MINUTES, day=DAY + 2 * ONE_DAY).state == "future"


@pytest.mark.parametrize(
    ("minutes", "halts", "expected"),
    [
        (range(1440), [], ("complete", 1440, 1440)),
        (range(1439), [], ("partial", 1439, 1440)),
        ([*range(600), *range(660, 1440)], [(at(10), at(11))], ("halt", 1380, 1380)),
        ([*range(600), *range(661, 1440)], [(at(10), at(11))], ("partial", 1379, 1380)),
        ([], [(at(-3), at(24))], ("halt", 0, 0)),
    ],
)
def test_a_day_of_candles_is_as_complete_as_its_minutes(
    lake: Lake, minutes: list[int], halts: list[tuple[datetime, datetime]], expected: tuple[str, int, int]
) -> None:
    put_silver(lake, minutes=minutes, halts=halts)
    found = state(lake, MINUTES)
    assert (found.state, found.rows, found.expected) == expected


def test_candles_of_five_minutes_are_288_a_day(lake: Lake) -> None:
    put_silver(lake, dataset=SILVER_KLINES["5m"], minutes=range(288), step=5)
    assert state(lake, SILVER_KLINES["5m"]).state == "complete"
    put_silver(lake, dataset=SILVER_KLINES["5m"], minutes=range(287), step=5)
    assert (state(lake, SILVER_KLINES["5m"]).state, state(lake, SILVER_KLINES["5m"]).expected) == ("partial", 288)


def test_a_day_that_runs_is_judged_by_what_had_closed_when_it_was_written(lake: Lake) -> None:
    put_silver(lake, minutes=range(600), known_until=at(10))
    assert state(lake, MINUTES, now=at(10, 5)).state == "complete"
    assert state(lake, MINUTES, now=NEXT_MORNING).state == "partial"


def test_features_have_a_row_for_each_candle_of_silver(lake: Lake) -> None:
    put_silver(lake, minutes=[*range(600), *range(660, 1440)], halts=[(at(10), at(11))])
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=1380))
    assert state(lake, GOLD_FEATURES).state == "halt"
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=1379))
    assert state(lake, GOLD_FEATURES).state == "partial"
    assert state(lake, GOLD_FEATURES, now=at(23)).state == "present"


def test_copies_from_two_sources_do_not_make_a_bronze_day_complete(lake: Lake) -> None:
    put_bronze(lake, range(1440))
    assert state(lake, BRONZE_MINUTES).state == "complete"
    put_bronze(lake, range(800), sources=("rest", "live"))
    assert (state(lake, BRONZE_MINUTES).state, state(lake, BRONZE_MINUTES).rows) == ("present", 1600)
    put_bronze(lake, range(1380), halts=[(at(23), at(24)), (at(23, 30), at(25))])
    assert state(lake, BRONZE_MINUTES).state == "halt"
    assert state(lake, BRONZE_MINUTES).expected == 1380
    put_bronze(lake, range(1379), halts=[(at(23), at(24)), (at(23, 30), at(25))])
    assert state(lake, BRONZE_MINUTES).state == "partial"


def test_of_events_nobody_knows_how_many_there_ought_to_be(lake: Lake) -> None:
    lake.publish_manifest(BRONZE_LIQUIDATIONS, SYMBOL, DAY, Manifest())
    assert (state(lake, BRONZE_LIQUIDATIONS).state, state(lake, BRONZE_LIQUIDATIONS).expected) == ("empty", None)
    lake.publish(SILVER_ORDERBOOK, SYMBOL, DAY, SILVER_ORDERBOOK.schema.empty_table())
    assert state(lake, SILVER_ORDERBOOK).state == "empty"


def test_what_retention_deleted_is_retired_and_not_absent(lake: Lake) -> None:
    put_bronze(lake, range(1440))
    lake.retire(BRONZE_MINUTES, SYMBOL, DAY, Retired(NEXT_MORNING, 1500, 1440, 9, "v"))
    assert (state(lake, BRONZE_MINUTES).state, state(lake, BRONZE_MINUTES).rows) == ("retired", 1440)


def test_a_gap_that_ends_at_midnight_is_none_of_the_next_day() -> None:
    (found,) = gap_minutes([gap(at(23), at(24), state="open")], start=DAY, end=DAY + 2 * ONE_DAY)
    assert (found.day, found.lost) == (DAY, 60)


def test_gaps_that_overlap_count_once_and_belong_to_the_days_that_they_cover() -> None:
    gaps = [
        gap(at(1), at(1, 10), state="open"),
        gap(at(1, 5), at(1, 12), state="unrecoverable"),
        gap(at(2), at(2, 4), state="repaired"),
        gap(at(23, 30), at(24, 15), state="halted"),
        gap(at(0), at(0), state="open", symbol="ETHUSDT"),
        gap(at(5), at(6), state="repaired", dataset="klines"),
    ]
    assert gap_minutes(gaps, start=DAY, end=DAY + 2 * ONE_DAY) == [
        GapMinutes("klines_1m", SYMBOL, DAY, lost=0, open=0, repaired=60, halted=0, unsettled=0),
        GapMinutes("trades", SYMBOL, DAY, lost=12, open=10, repaired=4, halted=30, unsettled=2),
        GapMinutes("trades", SYMBOL, DAY + ONE_DAY, lost=0, open=0, repaired=0, halted=15, unsettled=0),
        GapMinutes("trades", "ETHUSDT", DAY, lost=0, open=0, repaired=0, halted=0, unsettled=1),
    ]
    assert gap_minutes(gaps, start=DAY + ONE_DAY, end=DAY + 2 * ONE_DAY) == [
        GapMinutes("trades", SYMBOL, DAY + ONE_DAY, lost=0, open=0, repaired=0, halted=15, unsettled=0)
    ]
    assert gap_minutes(gaps, start=DAY - ONE_DAY, end=DAY) == []
