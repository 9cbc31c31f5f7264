from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta

import pytest

from crypto_assets.dashboard import words as page_words
from crypto_assets.health import words

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_examples_are_true() -> None:
    done = doctest.testmod(words)
    assert (done.failed, done.attempted) == (0, 5)


@pytest.mark.parametrize("seconds", [60, 119, 3_599, 3_600, 86_399, 86_400, 2_500_000])
def test_from_a_minute_on_reports_and_pages_say_the_same(seconds: int) -> None:
    ago = timedelta(seconds=seconds)
    assert words.age(ago) == page_words.age(NOW - ago, now=NOW) == f"{words.largest_unit(seconds)} ago"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999_499, "999 kB"), (999_600, "1 MB"), (2 * 10**15, "2 PB")]
)
def test_sizes_keep_to_three_digits(count: int, text: str) -> None:
    assert words.size(count) == text
