"""How charts of features write their values."""

from __future__ import annotations

_MILLION = 1_000_000


def format_of(least: object, most: object) -> str:
    """How an axis writes its values: `12M` for millions, else digits as its steps need them."""
    largest = max((abs(v) for v in (least, most) if isinstance(v, int | float)), default=0)
    return "~s" if largest >= _MILLION else ",f"
