"""Single numbers as the exchange prints them."""

from __future__ import annotations

from decimal import Decimal

_DECIMALS = 8


def decimal_text(value: int, *, decimals: int = _DECIMALS) -> str:
    """An integer in 1e-8 with `decimals` digits after the point; further digits are cut off.

    >>> decimal_text(-1_234_567_800, decimals=2)
    '-12.34'
    """
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**_DECIMALS)
    digits = f"{rest:0{_DECIMALS}d}".ljust(decimals, "0")[:decimals]
    return f"{sign}{whole}.{digits}" if decimals else f"{sign}{whole}"


def decimals_of(step: Decimal) -> int:
    """Digits after the point of a tick or lot size as it is written."""
    return -int(step.as_tuple().exponent)
