"""What may be asked for: symbols and days that are nothing but themselves in a path or a query."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadQuestion
from crypto_assets.reading.asked import asked_day, asked_days, asked_symbol


@given(st.text())
def test_a_symbol_is_2_to_20_capitals_and_digits_or_is_refused(text: str) -> None:
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    if 2 <= len(text) <= 20 and set(text) <= allowed:
        assert asked_symbol(text) == text
    else:
        with pytest.raises(BadQuestion):
            asked_symbol(text)


@given(st.dates())
def test_a_day_is_read_as_it_is_written(day: date) -> None:
    assert asked_day(day.isoformat()) == asked_day(day) == day


@given(st.text(alphabet="0123456789-./TZ\n ", max_size=12))
def test_a_text_that_reads_otherwise_is_no_day(text: str) -> None:
    try:
        day = asked_day(text)
    except BadQuestion:
        return
    assert day.isoformat() == text


@given(st.dates(min_value=date(2017, 8, 17), max_value=date(2035, 1, 1)), st.integers(-3, 40))
def test_a_range_has_every_day_from_first_to_last(first: date, more: int) -> None:
    last = first + timedelta(days=more)
    if more < 0:
        with pytest.raises(BadQuestion):
            asked_days(first, last)
        return
    days = list(asked_days(f"{first}", f"{last}"))
    assert (days[0], days[-1], len(days)) == (first, last, more + 1)
    assert days == sorted(set(days))
