"""What has come and what is missing, beside a plain set of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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
