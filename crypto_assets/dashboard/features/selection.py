"""What of gold the page shows: chosen by a person, or by the address of the page, which is text from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from crypto_assets.features.declaration import FEATURES

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,40}")

FIRST_SHOWN = ("bb_upper_20_15m", "bb_lower_20_15m", "rsi_14_15m", "macd_hist_15m", "volume_spike_20_5m")
"""Features of a page that nobody has chosen yet: two on the prices, three of other units below them."""
WHOLE_DAY = (0, 24)


@dataclass(frozen=True, slots=True)
class Selection:
    """One day of a symbol, some features, and the hours [first, last) of it."""

    day: date
    features: tuple[str, ...]
    hours: tuple[int, int] = WHOLE_DAY
    refused: tuple[str, ...] = ()
    """A sentence for each part of the address that could not be followed."""

    def as_query(self) -> dict[str, str | list[str]]:
        """What the address says of it beside the symbol."""
        query: dict[str, str | list[str]] = {
            "day": self.day.isoformat(),
            "feature": list(self.features),
        }
        return query | ({} if self.hours == WHOLE_DAY else {"hours": f"{self.hours[0]}-{self.hours[1]}"})


def select(query: Mapping[str, Sequence[str]], *, symbol: str, days: Sequence[date]) -> Selection:
    """What the values of an address ask for, as far as it is there; the newest day otherwise.

    `days` are those of the symbol that have features, the newest first and at least one.
    """
    refused: list[str] = []
    return Selection(
        day=_day(query.get("day", ()), days, symbol, refused),
        features=_features(query.get("feature", ()), refused),
        hours=_hours(query.get("hours", ()), refused),
        refused=tuple(refused),
    )


def _day(asked: Sequence[str], known: Sequence[date], symbol: str, refused: list[str]) -> date:
    if not asked:
        return known[0]
    found = next((day for day in known if day.isoformat() == asked[0]), None)
    if found is None:
        refused.append(f"{_quoted(asked[0], 'day')} is not a day of features of {symbol}; {known[0]} is shown.")
    return found or known[0]


def _features(asked: Sequence[str], refused: list[str]) -> tuple[str, ...]:
    known = {feature.name for feature in FEATURES}
    chosen = tuple(name for name in dict.fromkeys(asked) if name in known)
    unknown = [name for name in dict.fromkeys(asked) if name not in known]
    if unknown:
        refused.append(f"{_quoted(unknown[0], 'feature')} is not declared" + _and_more(len(unknown) - 1))
    return chosen or FIRST_SHOWN


def _hours(asked: Sequence[str], refused: list[str]) -> tuple[int, int]:
    if not asked:
        return WHOLE_DAY
    matched = re.fullmatch(r"(\d{1,2})-(\d{1,2})", asked[0], re.ASCII)
    if matched and 0 <= (first := int(matched[1])) < (last := int(matched[2])) <= 24:
        return first, last
    refused.append("Hours are written like 9-17, from 0 to 24; the whole day is shown.")
    return WHOLE_DAY


def _quoted(text: str, what: str) -> str:
    """A value of the address in a sentence; what is not plainly a name is not repeated on the page."""
    return f"`{text}`" if _PLAIN.fullmatch(text) else f"The {what} of the address"


def _and_more(count: int) -> str:
    return "." if not count else f", nor {count} more."
