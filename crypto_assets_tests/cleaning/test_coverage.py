from __future__ import annotations

from crypto_assets.cleaning.coverage import Slot, count_slots, coverage_strip
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
