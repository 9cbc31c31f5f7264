"""Text to decimals without losing a digit."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.binance.decimals import plain_decimal, read_decimals
from crypto_assets.schemas import WIDE_AMOUNT


@given(st.lists(st.decimals(min_value=-(10**20) + 1, max_value=10**20 - 1, places=8), min_size=1))
def test_every_amount_survives_to_the_last_digit(amounts: list[Decimal]) -> None:
    texts = pl.Series([f"{amount:f}" for amount in amounts])
    assert read_decimals(texts).to_list() == amounts


@given(st.lists(st.decimals(min_value=-(10**19), max_value=10**19, places=18), min_size=1))
def test_every_wide_amount_survives_to_the_last_digit(amounts: list[Decimal]) -> None:
    texts = pl.Series([f"{amount:f}" for amount in amounts])
    assert read_decimals(texts, kind=WIDE_AMOUNT).to_list() == amounts


@given(st.lists(st.one_of(st.text(max_size=30), st.decimals().map(str), st.floats().map(repr)), min_size=1))
def test_any_text_is_its_exact_number_or_null(texts: list[str]) -> None:
    for text, value in zip(texts, read_decimals(pl.Series(texts, dtype=pl.String)).to_list(), strict=True):
        if value is not None:
            assert value == Decimal(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e5", "100000"),
        ("+1.5", "1.5"),
        ("1.5e-7", "0.00000015"),
        ("61130.990000000000", "61130.99"),
        ("-0.00000001", "-0.00000001"),
        (".5", "0.5"),
        ("0e-400", "0"),
        ("-0.000000000", "0"),
        ("99999999999999999999.99999999", "99999999999999999999.99999999"),
    ],
)
def test_unusual_spellings_of_a_number_are_read(text: str, value: str) -> None:
    assert read_decimals(pl.Series([text])).to_list() == [Decimal(value)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "1,5",
        "1.123456789",
        "100000000000000000000",
        "0x10",
        "1_0",
        "١",
        "1\n",
    ],
)
def test_what_is_no_number_or_would_be_rounded_is_null(text: str) -> None:
    assert read_decimals(pl.Series([text, "1"])).to_list() == [None, Decimal(1)]
    assert plain_decimal(text, precision=28, scale=8) is None
