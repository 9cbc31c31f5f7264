"""What has come and what is missing, beside a plain set of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.stream.collector import tracks
from crypto_assets.stream.collector.tracks import Hole, Track


def missing_of(track: Track) -> list[tuple[int, int]]:
    return [(hole.first, hole.last) for hole in track.holes]


@given(st.lists(st.integers(100, 160), min_size=1))
def test_a_number_is_new_once_and_what_lies_between_is_missing(numbers: list[int]) -> None:
    track = Track()
    seen: set[int] = set()
    for number in numbers:
        is_new = number not in seen and (not seen or number >= numbers[0])
        assert track.admit(number) is is_new
        if is_new:
            seen.add(number)
    expected = set(range(numbers[0], max(seen) + 1)) - seen
    assert {n for first, last in missing_of(track) for n in range(first, last + 1)} == expected
    assert track.missing(0, 1_000) == len(expected)


def test_a_late_number_fills_its_hole_and_comes_once() -> None:
    track = Track()
    assert [track.admit(n) for n in (5, 9, 7, 7, 9, 4)] == [True, True, True, False, False, False]
    assert missing_of(track) == [(6, 6), (8, 8)]


def test_numbers_of_an_earlier_run_that_this_one_has_too_change_nothing() -> None:
    track = Track()
    track.admit(5)
    track.take_up([5, 6, 9], since_us=None, until_us=None)
    assert (missing_of(track), track.lowest, track.next) == ([], 5, 6)


def test_nothing_before_the_first_number_is_missing() -> None:
    track = Track()
    track.expect(50)
    assert missing_of(track) == []
    track.expect(52)
    assert missing_of(track) == [(50, 51)]


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(1, 80), st.booleans())
def test_an_earlier_runs_numbers_are_taken_up_before_or_after_this_one_has_begun(
    delivered: set[int], begun: int, is_late: bool
) -> None:
    first = max(delivered) + begun
    track = Track()
    if is_late:
        track.admit(first)
    track.take_up(delivered, since_us=None, until_us=None)
    if not is_late:
        track.admit(first)
    expected = set(range(min(delivered), first)) - delivered
    assert {n for a, b in missing_of(track) for n in range(a, b + 1)} == expected
    assert all(not track.admit(n) for n in delivered)


def test_what_the_ledger_has_is_not_entered_again() -> None:
    track = Track()
    track.admit(1)
    track.admit(10)
    track.mark_planned(2, 4)
    assert [(h.first, h.last, h.planned) for h in track.holes] == [(2, 4, True), (5, 9, False)]


def test_a_lost_topic_makes_all_missing_that_was_in_it() -> None:
    track = Track()
    for number in (1, 2, 3, 7):
        track.admit(number)
    track.miss(Hole(1, 7, 0.0, "kafka_lost"))
    assert missing_of(track) == [(1, 7)]
    assert track.next == 8


NUMBER = st.integers(0, 40)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), NUMBER, NUMBER),
        st.tuples(st.just("expect"), NUMBER, NUMBER),
        st.tuples(st.just("miss"), NUMBER, NUMBER),
        st.tuples(st.just("plan"), NUMBER, NUMBER),
    ),
    max_size=25,
)


@given(steps=STEPS)
def test_holes_are_what_a_table_of_single_numbers_says(steps: list[tuple[str, int, int]]) -> None:
    track, following = Track(), -1
    missing: dict[int, tuple[object, ...]] = {}
    for place, (what, number, other) in enumerate(steps):
        track.now_s, track.cause = float(place), f"cause {place}"
        why = (float(place), track.cause, place, place + 1)
        first, last = sorted((number, other))
        if what == "plan":
            track.mark_planned(first, last)
            missing |= {n: (*entry[:4], True) for n, entry in missing.items() if first <= n <= last}
        elif what == "miss":
            track.miss(Hole(first, last, *why))  # type: ignore[arg-type]
            missing |= dict.fromkeys(range(first, last + 1), (*why, False))
            following = max(following, last + 1)
        else:
            skipped = range(following, number) if following >= 0 else range(0)
            if what == "expect":
                track.expect(number, since_us=place, until_us=place + 1)
                following = max(following, number)
            else:
                is_new = track.admit(number, since_us=place, until_us=place + 1)
                assert is_new is (following < 0 or number >= following or number in missing)
                missing.pop(number, None)
                following = max(following, number + 1)
            missing |= dict.fromkeys(skipped, (*why, False))
    found = {
        n: (hole.noticed_s, hole.cause, hole.since_us, hole.until_us, hole.planned)
        for hole in track.holes
        for n in range(hole.first, hole.last + 1)
    }
    assert found == missing
    assert [hole.first for hole in track.holes] == sorted(hole.first for hole in track.holes)
    assert sum(hole.last - hole.first + 1 for hole in track.holes) == len(missing)
    assert track.next == following
    assert [n for n in range(-1, 45) if track.is_missing(n)] == sorted(missing)
    for first in range(0, 41, 5):
        assert track.missing(first, first + 7) == sum(first <= n <= first + 7 for n in missing)


def test_what_is_forgotten_beyond_the_most_holes_is_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "MOST_HOLES", 3)
    track = Track()
    for number in (0, 2, 4, 6):
        track.admit(number)
    assert missing_of(track) == [(1, 1), (3, 3), (5, 5)]
    track.admit(8)
    assert missing_of(track) == [(3, 3), (5, 5), (7, 7)]


def test_what_an_earlier_run_left_open_is_due_to_the_restart() -> None:
    track = Track()
    track.now_s = 7.0
    track.take_up([3, 9, 4, 9], since_us=1, until_us=2)
    assert track.holes == [Hole(5, 8, 7.0, "restarted", 1, 2)]
    assert (track.lowest, track.next) == (3, 10)
    track.take_up([], since_us=None, until_us=None)
    track.take_up([3, 50], since_us=None, until_us=None)  # at or above the lowest: known already
    assert (track.lowest, track.next, len(track.holes)) == (3, 10, 1)
    track.take_up([0], since_us=5, until_us=6)
    assert track.holes[0] == Hole(1, 2, 7.0, "restarted", 5, 6)
    assert (track.lowest, track.next) == (0, 10)
    track.take_up([4], since_us=None, until_us=None)
    assert (track.lowest, track.next, len(track.holes)) == (0, 10, 2)


def test_a_track_begins_with_a_hole_where_nothing_came_before_it() -> None:
    track = Track()
    track.miss(Hole(5, 7, 0.0, "open"))
    assert (track.lowest, track.next) == (5, 8)
    track.miss(Hole(2, 3, 0.0, "open"))
    assert (track.lowest, track.next) == (5, 8)
    assert [track.admit(n) for n in (2, 4, 6, 8)] == [True, False, True, True]


def test_nothing_has_come_and_nothing_is_missing_before_the_first() -> None:
    track = Track()
    assert (track.next, track.lowest, track.holes, track.cause, track.now_s) == (-1, -1, [], "skipped", 0.0)
    assert track.admit(0)
    assert (track.next, track.lowest) == (1, 0)
    assert not track.admit(0)
    track.expect(0)
    assert (track.next, track.holes) == (1, [])
