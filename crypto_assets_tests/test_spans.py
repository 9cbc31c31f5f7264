"""Spans beside plain sets of minutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import (
    TIMEFRAME_US,
    Span,
    day_span,
    from_us,
    intersect,
    known_span,
    missing_spans,
    runs_of,
    times_us,
    to_us,
)

DAY = date(2024, 8, 5)
START = datetime(2024, 8, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def span(start: float, end: float) -> Span:
    """Minutes of the day."""
    return Span(START + start * MINUTE, START + end * MINUTE)


def minutes_of(spans: tuple[Span, ...]) -> set[int]:
    return {minute for one in spans for minute in range((one.start - START) // MINUTE, (one.end - START) // MINUTE)}


def apart(edges: list[int]) -> list[Span]:
    """Spans without overlaps, between every other pair of edges."""
    sides = sorted(set(edges))
    return [span(a, b) for a, b in zip(sides[::2], sides[1::2], strict=False)]


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_comes_back_from_its_microseconds(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment
    assert times_us(pa.chunked_array([pa.array([moment], pa.timestamp("us", tz="UTC"))])).tolist() == [to_us(moment)]


def test_microseconds_are_exact_where_a_float_is_not() -> None:
    assert to_us(datetime(2026, 1, 19, 12, 0, 0, 1, tzinfo=UTC)) == 1_768_824_000_000_001


def test_each_timeframe_is_as_long_as_its_name_says() -> None:
    units = {"s": 1_000_000, "m": 60_000_000}
    assert {name: int(name[:-1]) * units[name[-1]] for name in TIMEFRAME_US} == TIMEFRAME_US
    assert list(TIMEFRAMES) == ["1m", "5m", "15m"]
    assert {
        name: length / timedelta(microseconds=1) for name, length in TIMEFRAMES.items()
    }.items() <= TIMEFRAME_US.items()


@pytest.mark.parametrize(
    ("one", "text"),
    [(span(130, 166), "2024-08-05 02:10-02:46"), (span(1_430, 1_450), "2024-08-05 23:50-2024-08-06 00:10")],
)
def test_a_span_names_its_second_day_only_where_it_is_another(one: Span, text: str) -> None:
    assert str(one) == text


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 0), (59, 0), (60, 1), (3_599, 59)])
def test_minutes_are_whole_ones(seconds: int, minutes: int) -> None:
    assert Span(START, START + timedelta(seconds=seconds)).minutes == minutes


@given(*[st.integers(0, 30)] * 4)
def test_spans_overlap_where_they_share_a_minute(a: int, b: int, c: int, d: int) -> None:
    one, other = span(min(a, b), max(a, b) + 1), span(min(c, d), max(c, d) + 1)
    assert one.overlaps(other) is bool(minutes_of((one,)) & minutes_of((other,)))


@pytest.mark.parametrize(
    ("now", "end"),
    [
        pytest.param(START - MINUTE, START, id="not begun"),
        pytest.param(START, START, id="begins"),
        pytest.param(START + 299 * timedelta(seconds=1), START, id="the first is open"),
        pytest.param(START + timedelta(minutes=12.5), START + 10 * MINUTE, id="two have closed"),
        pytest.param(START + timedelta(days=2), START + timedelta(days=1), id="over"),
    ],
)
def test_of_a_day_the_candles_that_have_closed_are_known(now: datetime, end: datetime) -> None:
    assert known_span(DAY, 5 * MINUTE, now=now) == Span(START, end)


@given(st.lists(st.integers(-120, 720)), st.booleans(), st.sampled_from([1, 5]))
def test_what_is_missing_is_every_slot_that_holds_no_time(seconds: list[int], on_grid: bool, step: int) -> None:
    whole = span(0, 10)
    times = np.array([to_us(START) + 1_000_000 * one for one in seconds], dtype=np.int64)
    filled = {one // (60 * step) for one in seconds if not on_grid or one % (60 * step) == 0}
    expected = {m for slot in range(10 // step) if slot not in filled for m in range(slot * step, (slot + 1) * step)}
    found = missing_spans(times, whole, step * MINUTE, on_grid=on_grid)
    assert minutes_of(found) == expected
    assert all(a.end < b.start for a, b in pairwise(found)), "runs that touch are one"


@given(st.lists(st.booleans(), max_size=40))
def test_runs_are_what_was_chosen(chosen: list[bool]) -> None:
    found = runs_of(np.array(chosen, dtype=bool), start=START, step=MINUTE)
    assert minutes_of(found) == {place for place, one in enumerate(chosen) if one}


@given(st.lists(st.integers(0, 60)), st.lists(st.integers(0, 60)))
def test_what_two_lists_share_is_what_their_minutes_share(edges: list[int], others: list[int]) -> None:
    found = intersect(apart(edges), apart(others))
    assert minutes_of(found) == minutes_of(tuple(apart(edges))) & minutes_of(tuple(apart(others)))
    assert list(found) == sorted(found)


def test_a_day_ends_where_the_next_begins() -> None:
    assert day_span(DAY) == Span(START, START + timedelta(days=1))
    assert day_span(DAY).end == day_span(DAY + timedelta(days=1)).start
