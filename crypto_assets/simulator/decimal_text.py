"""Amounts as the exchange prints them: integers in 1e-8 with as many digits as the venue gives them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

DECIMALS = 8
"""Of the market's integers."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Digits after the point that a venue prints of a symbol: spot 8 of everything, USD-M those of tick and lot.

    >>> Digits(price=1, lot=3).quote_text(1_234_567_800)
    '12.3456'
    """

    price: int = DECIMALS
    lot: int = DECIMALS

    @property
    def quote(self) -> int:
        """As many as a price times a quantity can need."""
        return min(DECIMALS, self.price + self.lot)

    def price_text(self, value: int) -> str:
        """A price."""
        return decimal_text(value, decimals=self.price)

    def lot_text(self, value: int) -> str:
        """A quantity."""
        return decimal_text(value, decimals=self.lot)

    def quote_text(self, value: int) -> str:
        """A price times a quantity."""
        return decimal_text(value, decimals=self.quote)


def decimal_text(value: int, *, decimals: int = DECIMALS) -> str:
    """An integer in 1e-8 with `decimals` digits after the point; further digits are cut off.

    >>> decimal_text(-1_234_567_800, decimals=2)
    '-12.34'
    """
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**DECIMALS)
    digits = f"{rest:0{DECIMALS}d}".ljust(decimals, "0")[:decimals]
    return f"{sign}{whole}.{digits}" if decimals else f"{sign}{whole}"


def decimals_of(step: Decimal) -> int:
    """Digits after the point of a tick or lot size as it is written."""
    return -int(step.as_tuple().exponent)
