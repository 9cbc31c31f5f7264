"""Numbers as the exchange prints them, without losing a digit: text to DECIMAL, exactly or not at all."""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl
import pyarrow as pa

from crypto_assets.schemas import AMOUNT

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_LONGEST_NUMBER = 200  # characters; int() of far longer text is slow enough to be an attack


def plain_decimal(text: str, *, precision: int, scale: int) -> str | None:
    """The number in plain notation, or None where DECIMAL(precision, scale) cannot hold it exactly.

    >>> plain_decimal("1.5e-7", precision=28, scale=8)
    '0.00000015'
    >>> plain_decimal("1.123456789", precision=28, scale=8) is None
    True
    >>> plain_decimal("NaN", precision=28, scale=8) is None
    True
    """
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text)
    if value and value.adjusted() >= precision - scale:
        return None
    sign, digits, exponent = value.as_tuple()
    if not value:
        digits, exponent = (0,), 0
    whole = int("".join(map(str, digits)))
    shift = int(exponent) + scale
    units, lost = divmod(whole, 10**-shift) if shift < 0 else (whole * 10**shift, 0)
    if lost:
        return None
    padded = str(units).rjust(scale + 1, "0")
    return f"{'-' if sign and units else ''}{padded[:-scale]}.{padded[-scale:]}"


def read_decimals(texts: pl.Series, *, kind: pa.Decimal128Type = AMOUNT) -> pl.Series:
    """The numbers of a text column as decimals; null where the text is no number, or one that would be rounded.

    Polars' own cast rounds what does not fit, so that only texts which provably fit reach it as they are.
    """
    dtype = pl.Decimal(kind.precision, kind.scale)
    fits = texts.str.contains(rf"^-?[0-9]{{1,{kind.precision - kind.scale}}}(\.[0-9]{{1,{kind.scale}}})?$")
    if fits.all(ignore_nulls=False):
        return texts.cast(dtype)
    unusual = texts.filter(~fits).unique()
    readings = {text: plain_decimal(text, precision=kind.precision, scale=kind.scale) for text in unusual if text}
    return pl.select(
        pl.when(fits)
        .then(texts)
        .otherwise(texts.replace_strict(readings, default=None, return_dtype=pl.String))
        .cast(dtype)
        .alias(texts.name)
    ).to_series()
