"""What a symbol, a day and the name of an exchange may look like where somebody types or sends one.

They become parts of paths, of topics and of SQL; what is let through here can be nothing but itself in each of them.
"""

from __future__ import annotations

import re
from datetime import date

SYMBOL = re.compile(r"[A-Z0-9]{2,20}", re.ASCII)
_EXCHANGE = re.compile(r"[a-z][a-z0-9-]{1,39}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SHOWN = 40


def is_symbol(text: str) -> bool:
    """Whether it is a symbol that the platform takes: 2 to 20 capital ASCII letters and digits.

    Binance lists a few symbols with Chinese characters; those are refused.
    """
    return SYMBOL.fullmatch(text) is not None


def checked_symbol(text: str) -> str:
    """The symbol itself; raises ValueError with a sentence where it is none."""
    if not is_symbol(text):
        raise ValueError(f"{shown(text)} is no symbol: 2 to 20 capital letters and digits, such as BTCUSDT")
    return text


def checked_exchange(text: str) -> str:
    """The name of an exchange as rows have it, such as `simulator-7`; raises ValueError otherwise."""
    if _EXCHANGE.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is no name of an exchange: small letters, digits and -, as simulator-7")
    return text


def checked_day(text: str) -> date:
    """The day of `2024-08-01`, of which date.fromisoformat takes other forms too; raises ValueError otherwise."""
    if _DAY.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is no day: write it as 2024-08-01")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is a day that no calendar has") from None


def shown(text: str) -> str:
    """What somebody gave, as a message may show it: on one line, printable and short."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
