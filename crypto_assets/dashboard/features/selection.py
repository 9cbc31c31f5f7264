"""What of gold the page shows: chosen by a person, or by the address of the page, which is text from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.lake.lake import Lake

SYMBOL = re.compile(r"[A-Z0-9]{2,20}")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,40}")

FIRST_SHOWN = ("bb_upper_20_15m", "bb_lower_20_15m", "rsi_14_15m", "macd_hist_15m", "volume_spike_20_5m")
"""Features of a page that nobody has chosen yet: two on the prices, three of other units below them."""
WHOLE_DAY = (0, 24)


@dataclass(frozen=True, slots=True)
class Selection:
    """One day of one symbol, some features, and the hours [first, last) of it."""

    symbol: str
    day: date
    features: tuple[str, ...]
    hours: tuple[int, int] = WHOLE_DAY
    refused: tuple[str, ...] = ()
    """A sentence for each part of the address that could not be followed."""

    def as_query(self) -> dict[str, str | list[str]]:
        """The address that shows the same again."""
        query: dict[str, str | list[str]] = {
            "symbol": self.symbol,
            "day": self.day.isoformat(),
            "feature": list(self.features),
        }
        return query | ({} if self.hours == WHOLE_DAY else {"hours": f"{self.hours[0]}-{self.hours[1]}"})


def symbols_with_gold(lake: Lake) -> list[str]:
    """Symbols that have a folder of gold, by name; raises LakeError."""
    parent = GOLD_FEATURES.folder.partition("/symbol=")[0]
    named = (name.removeprefix("symbol=") for name in lake.files.folders(parent) if name.startswith("symbol="))
    return [symbol for symbol in named if SYMBOL.fullmatch(symbol)]


def days_with_gold(lake: Lake, symbols: Sequence[str]) -> dict[str, tuple[date, ...]]:
    """Published days of gold by symbol, the newest first; symbols without one are left out. Raises LakeError."""
    found = {symbol: tuple(reversed(lake.days(GOLD_FEATURES, symbol))) for symbol in symbols}
    return {symbol: days for symbol, days in found.items() if days}


def select(query: Mapping[str, Sequence[str]], *, days: Mapping[str, Sequence[date]]) -> Selection:
    """What the values of an address ask for, as far as it is there; the newest day of the first symbol otherwise.

    `days` are those of `days_with_gold`, at least one.
    """
    refused: list[str] = []
    symbol = _symbol(query.get("symbol", ()), tuple(days), refused)
    return Selection(
        symbol=symbol,
        day=_day(query.get("day", ()), days[symbol], symbol, refused),
        features=_features(query.get("feature", ()), refused),
        hours=_hours(query.get("hours", ()), refused),
        refused=tuple(refused),
    )


def _symbol(asked: Sequence[str], known: Sequence[str], refused: list[str]) -> str:
    if not asked or asked[0] in known:
        return asked[0] if asked else known[0]
    refused.append(f"{_quoted(asked[0], 'symbol')} has no day of features; {known[0]} is shown.")
    return known[0]


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
