"""Arithmetic that gives the same bits everywhere."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.market.exact import (
    ONE,
    below,
    draw_words,
    exp2,
    gaussian,
    interpolate,
    log2_fixed,
    scatter_bits,
    uniform,
)

WORDS_DIGEST = "41db239290287ffad3db3bb6745d1ff241f49ecbd0d6e32ae7d048bb889f15db"


@given(log=st.integers(-1000 * ONE, 1000 * ONE))
def test_powers_of_two_are_right_to_fourteen_digits(log: int) -> None:
    whole, rest = divmod(log, ONE)
    expected = math.ldexp(math.exp2(rest / ONE), whole)
    assert float(exp2(np.array([log]))[0]) == pytest.approx(expected, rel=1e-14)


@given(value=st.floats(1e-8, 1e15))
def test_logarithms_are_right_to_their_last_bit(value: float) -> None:
    assert log2_fixed(value) / ONE == pytest.approx(math.log2(value), abs=2**-23)


def test_words_and_powers_have_the_bits_they_had_when_this_was_written() -> None:
    """Taken on x86-64 with numpy 2.2; a machine on which this fails would simulate other prices."""
    words = draw_words(7, "BTCUSDT", 1, 20_000, count=1_000)
    powers = exp2((words >> np.uint64(19)).astype(np.int64))
    mixed = np.concatenate([words, scatter_bits(words), powers.view(np.uint64), gaussian(words).view(np.uint64)])
    assert hashlib.sha256(mixed.astype("<u8").tobytes()).hexdigest() == WORDS_DIGEST


def test_streams_differ_in_each_part_of_their_name() -> None:
    names = [(7, "A", 1, 1), (8, "A", 1, 1), (-7, "A", 1, 1), (7, "B", 1, 1), (7, "A", 2, 1), (7, "A", 1, 2)]
    first = {int(draw_words(seed, name, stream, index, count=1)[0]) for seed, name, stream, index in names}
    assert len(first) == len(names)


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    assert np.array_equal(draw_words(7, "A", 1, 1, count=100)[:10], draw_words(7, "A", 1, 1, count=10))


def test_gaussian_numbers_have_mean_zero_and_deviation_one() -> None:
    drawn = gaussian(draw_words(7, "A", 1, 1, count=200_000))
    assert abs(drawn.mean()) < 0.01
    assert drawn.std() == pytest.approx(1.0, abs=0.01)


def test_uniform_numbers_are_above_zero_and_at_most_one() -> None:
    edges = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert uniform(edges).tolist() == [2.0**-32, 1.0]
    assert below(edges, 10).tolist() == [0, 9]


def test_lines_pass_through_their_nodes() -> None:
    assert interpolate(np.array([0, 10, -10]), 4).tolist() == [0, 2, 5, 7, 10, 5, 0, -5, -10]
