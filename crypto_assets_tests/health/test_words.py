from __future__ import annotations

import doctest

import pytest

from crypto_assets.health import words


def test_the_examples_are_true() -> None:
    done = doctest.testmod(words)
    assert (done.failed, done.attempted) == (0, 4)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999_499, "999 kB"), (999_600, "1 MB"), (2 * 10**15, "2e+03 TB")]
)
def test_sizes_keep_to_three_digits(count: int, text: str) -> None:
    assert words.size(count) == text
