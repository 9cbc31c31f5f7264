"""Integers in 1e-8 print as the exchange prints decimals."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.decimal_text import decimal_text
from crypto_assets.simulator.frames import amounts

WIDE = st.integers(-(2**63), 2**63 - 1)


@given(values=st.lists(WIDE), decimals=st.sampled_from([8, 16]))
def test_amounts_keep_every_digit(values: list[int], decimals: int) -> None:
    printed = amounts(np.array(values, dtype=np.int64), decimals=decimals).cast(pl.String).to_list()
    assert printed == [f"{Decimal(value).scaleb(-8):.{decimals}f}" for value in values]


@given(values=st.lists(st.integers(-9 * 10**10, 9 * 10**10)), decimals=st.integers(0, 7))
def test_amounts_with_fewer_decimals_are_exact_or_refused(values: list[int], decimals: int) -> None:
    steps = np.array(values, dtype=np.int64) * 10 ** (8 - decimals)
    printed = amounts(steps, decimals=decimals).cast(pl.String).to_list()
    assert [Decimal(text) for text in printed] == [Decimal(value).scaleb(-decimals) for value in values]
    if values:
        with pytest.raises(ValueError, match=f"more than {decimals} decimals"):
            amounts(steps + 1, decimals=decimals)


@given(value=WIDE)
def test_a_single_number_prints_as_a_column_does(value: int) -> None:
    assert decimal_text(value) == amounts(np.array([value]))[:1].cast(pl.String)[0]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 8, "0.00000000"),
        (-1, 8, "-0.00000001"),
        (123_456_789, 2, "1.23"),
        (500_000_000, 0, "5"),
        (1, 10, "0.0000000100"),
    ],
)
def test_digits_after_the_point_are_cut_or_filled(value: int, decimals: int, text: str) -> None:
    assert decimal_text(value, decimals=decimals) == text
