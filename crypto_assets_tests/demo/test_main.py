"""Which days and symbols the demo takes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from crypto_assets.demo.__main__ import PUBLISHED_AFTER, last_day, symbols_of_demo
from crypto_assets.simulator.options import DEFAULT_PUBLICATION_DELAY


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 22, 1, 13, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 22, 5, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 22, 6, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime.fromisoformat("2026-11-22T23:30:00-05:00"), date(2026, 11, 21)),
    ],
)
def test_the_last_day_is_one_that_the_archive_has(now: datetime, day: date) -> None:
    assert last_day(now) == day
    midnight_after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert midnight_after + DEFAULT_PUBLICATION_DELAY < now
    assert DEFAULT_PUBLICATION_DELAY < PUBLISHED_AFTER


def test_the_demo_takes_three_symbols_and_fewer_where_there_are_fewer() -> None:
    assert symbols_of_demo(("A", "B", "C", "D")) == ("A", "B", "C")
    assert symbols_of_demo(("A",)) == ("A",)
