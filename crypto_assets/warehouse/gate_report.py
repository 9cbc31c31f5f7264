"""What the gate before Redshift says of a day: which rule, which minute, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LISTED = 5
"""Sentences of each rule that are kept; the count beside them is of all."""


class Rule(StrEnum):
    """What must hold of a day of facts."""

    KEYS_UNIQUE = "keys_unique"
    NO_NULLS = "no_nulls"
    WITHIN_DAY = "within_day"
    PRICES_ORDERED = "prices_ordered"
    ABOVE_ZERO = "above_zero"
    DIMENSIONS_COVER = "dimensions_cover"
    MINUTES_COMPLETE = "minutes_complete"
    MINUTES_EQUAL_CANDLES = "minutes_equal_candles"
    TOTALS_EQUAL_CANDLES = "totals_equal_candles"


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a rule does not hold."""

    rule: Rule
    symbol: str | None
    minute: datetime | None
    """Start of the minute, UTC without a zone as in the facts; None where it is about the whole day."""
    sentence: str
    """What is wrong there, as a clause."""

    def __str__(self) -> str:
        place = [self.symbol or "", f"{self.minute:%H:%M}" if self.minute else ""]
        return ": ".join(part for part in (" ".join(filter(None, place)), self.sentence) if part)


@dataclass(frozen=True, slots=True)
class GateReport:
    """The verdict on a day."""

    violations: tuple[Violation, ...]
    """At most LISTED of each rule, in the order of rules, symbols and minutes."""
    compared_symbols: tuple[str, ...]
    """Symbols whose facts were held against candles."""
    not_compared: tuple[str, ...]
    """Symbols with facts, or asked about, of which there are no candles; that alone is no violation."""
    counts: Mapping[Rule, int]
    """All violations of each rule that has some; none where the day may be loaded."""

    def of_rule(self, rule: Rule) -> str:
        """The kept violations of a rule in words, and how many more there are."""
        kept = [violation for violation in self.violations if violation.rule is rule]
        more = self.counts.get(rule, 0) - len(kept)
        return f"{rule}: {', '.join(map(str, kept))}{f', and {more:,} more' if more else ''}"
