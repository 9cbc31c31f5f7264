from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from crypto_assets.cleaning.coverage import Slot, count_slots, coverage_strip
from crypto_assets.cleaning.gaps import Gap, GapCause
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.spans import Span
from crypto_assets_tests.cleaning.examples import DAY, at, clean, kline

WHOLE_DAY = Span(DAY, at(1440))


def test_each_slot_of_the_day_says_what_it_holds() -> None:
    rows = [kline(minute) for minute in (0, 1, 3, 4.5, 5, 8)]
    rows[4] = kline(5, low="-1")
    cleaned = clean(rows, halts=[Span(at(6), at(8))])
    strip = coverage_strip(cleaned.table, timeframe="1m", day=WHOLE_DAY, gaps=cleaned.gaps, known_until=at(10))
    assert strip.shape == (1440,)
    assert [Slot(state).name for state in strip[:11]] == [
        "PRESENT",
        "PRESENT",
        "FILLED",
        "PRESENT",
        "MISSING",
        "UNUSABLE",
        "HALT",
        "HALT",
        "PRESENT",
        "MISSING",
        "NOT_YET",
    ]
    assert count_slots(strip) == {
        "slots_missing": 2,
        "slots_halt": 2,
        "slots_filled": 1,
        "slots_unusable": 1,
        "slots_present": 4,
        "slots_not_yet": 1430,
    }


def test_a_halt_over_midnight_covers_just_its_part_of_the_day() -> None:
    cleaned = clean([kline(5)], minutes=6, halts=[Span(at(0), at(5))])
    gap = cleaned.gaps[0]
    longer = type(gap)(at(-100), gap.end, gap.cause)
    strip = coverage_strip(cleaned.table, timeframe="1m", day=WHOLE_DAY, gaps=[longer])
    assert count_slots(strip)["slots_halt"] == 5
    assert strip[-1] == Slot.MISSING


TEN_MINUTES = Span(at(10), at(20))
NOTHING = SILVER_KLINES["1m"].payload.empty_table()


@pytest.mark.parametrize(
    ("start", "end", "cause", "expected"),
    [
        (10, 12, GapCause.EXCHANGE_HALT, "HH........"),
        (13, 14, GapCause.EXCHANGE_HALT, "...H......"),
        (0, 11, GapCause.EXCHANGE_HALT, "H........."),
        (0, 10, GapCause.EXCHANGE_HALT, ".........."),
        (0, 5, GapCause.EXCHANGE_HALT, ".........."),
        (18, 30, GapCause.EXCHANGE_HALT, "........HH"),
        (25, 30, GapCause.EXCHANGE_HALT, ".........."),
        (12, 14, GapCause.NOT_RECEIVED, ".........."),
    ],
)
def test_only_a_halt_colours_its_slots_and_only_those_of_the_day(
    start: int, end: int, cause: GapCause, expected: str
) -> None:
    gaps = [Gap(at(start), at(end), cause)]
    strip = coverage_strip(NOTHING, timeframe="1m", day=TEN_MINUTES, gaps=gaps)
    assert strip.dtype == np.int8
    assert "".join("H" if slot == Slot.HALT else "." for slot in strip) == expected


@pytest.mark.parametrize(("known_until", "unknown"), [(5, 10), (10, 10), (11, 9), (19.5, 1), (20, 0), (99, 0)])
def test_a_slot_is_not_yet_known_from_the_one_on_in_which_knowledge_ends(known_until: float, unknown: int) -> None:
    strip = coverage_strip(NOTHING, timeframe="1m", day=TEN_MINUTES, known_until=at(known_until))
    assert count_slots(strip)["slots_not_yet"] == unknown
    assert count_slots(strip[: 10 - unknown])["slots_missing"] == 10 - unknown


def test_candles_of_other_days_and_off_the_grid_are_in_no_slot() -> None:
    rows = [kline(minute) for minute in (0, 9, 10, 13, 14.5, 19, 20, 29)]
    strip = coverage_strip(clean(rows, minutes=40).table, timeframe="1m", day=TEN_MINUTES)
    assert np.flatnonzero(strip == Slot.PRESENT).tolist() == [0, 3, 9]
    assert count_slots(strip)["slots_missing"] == 7


def test_a_candle_that_is_there_counts_more_than_what_is_said_of_its_slot() -> None:
    halt = [Gap(at(10), at(13), GapCause.EXCHANGE_HALT)]
    table = clean([kline(11), kline(15)], minutes=20).table
    strip = coverage_strip(table, timeframe="1m", day=TEN_MINUTES, gaps=halt, known_until=at(12))
    assert [Slot(slot).name for slot in strip[:6]] == ["HALT", "PRESENT", "NOT_YET", "NOT_YET", "NOT_YET", "PRESENT"]


def test_a_second_is_a_slot_too() -> None:
    day = Span(DAY, DAY + timedelta(seconds=30))
    assert coverage_strip(NOTHING, timeframe="1s", day=day).shape == (30,)
