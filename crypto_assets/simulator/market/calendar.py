"""Days as numbers, and the spans of a day in which a symbol does not trade."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from crypto_assets.simulator.market.events import Event, FlashCrash, Halt
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.market.spec import UNIT, SymbolSpec, Venue
from crypto_assets.spans import DAY_US, SECOND_US, from_us, to_us

SLOT_US = 100_000
SLOTS_PER_DAY = DAY_US // SLOT_US

_EPOCH = date(1970, 1, 1)
FIRST_DAY = (date(2017, 8, 17) - _EPOCH).days
END_DAY = (date(2036, 1, 1) - _EPOCH).days
OPENING_US = 4 * 3_600 * SECOND_US  # a listing begins at 04:00, as the exchange's first one did

Closed = tuple[tuple[int, int], ...]
"""Half-open spans in microseconds, sorted, at least a second apart."""


def number_of(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """The day that is so many days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


@dataclass(frozen=True, slots=True)
class Crash:
    """A span of a venue's time in which every trade has this price."""

    start_us: int
    end_us: int
    price: int


class TradingCalendar:
    """When a symbol trades on a venue: listing, delisting and scripted halts."""

    def __init__(self, spec: SymbolSpec, venue: Venue, *, events: Sequence[Event]) -> None:
        listed = spec.listed(venue)
        self.listing_us = END_DAY * DAY_US if listed is None else number_of(listed) * DAY_US + OPENING_US
        self.end_us = (number_of(spec.delisted_on) if spec.delisted_on else END_DAY) * DAY_US
        halts = [e for e in events if isinstance(e, Halt) and e.symbol in (None, spec.symbol)]
        crashes = [e for e in events if isinstance(e, FlashCrash) and e.symbol == spec.symbol and venue == "spot"]
        self._halts = _merge((to_us(halt.start), to_us(halt.end)) for halt in halts)
        self._crashes = tuple(_crash(crash, tick=spec.tick) for crash in crashes)

    def closed(self, day_number: int) -> Closed:
        """Spans of a day without trading; the whole day before listing and after delisting."""
        start = day_number * DAY_US
        outside = [(start, min(self.listing_us, start + DAY_US)), (max(self.end_us, start), start + DAY_US)]
        return _merge([*(span for span in outside if span[0] < span[1]), *_clip(self._halts, start)])

    def halts(self, day_number: int) -> Closed:
        """Scripted halts within a day."""
        return tuple(_clip(self._halts, day_number * DAY_US))

    def crashes(self, day_number: int) -> tuple[Crash, ...]:
        """Flash crashes that touch a day."""
        start = day_number * DAY_US
        return tuple(crash for crash in self._crashes if crash.start_us < start + DAY_US and crash.end_us > start)

    def require_listed(self, times_us: Ints, *, what: str) -> None:
        """Raises LookupError where a time lies before the listing or after the delisting."""
        if times_us.size and (times_us.min() < self.listing_us or times_us.max() >= self.end_us):
            raise LookupError(f"{what} begins {from_us(self.listing_us):%F %H:%M}, ends {from_us(self.end_us):%F}")

    def before_halts(self, times_us: Ints) -> Ints:
        """Times with those in a scripted halt moved to its last microsecond before."""
        for start, end in self._halts:
            times_us = np.where((times_us >= start) & (times_us < end), max(start - 1, self.listing_us), times_us)
        return times_us

    @property
    def closed_spans(self) -> Closed:
        """All spans without trading: before the listing, in halts, after the delisting."""
        return _merge([(FIRST_DAY * DAY_US, self.listing_us), *self._halts, (self.end_us, END_DAY * DAY_US)])

    def silent_days(self) -> list[int]:
        """Days closed from end to end."""
        return [
            day
            for start, end in self.closed_spans
            for day in range(-(-start // DAY_US), end // DAY_US)
            if FIRST_DAY <= day < END_DAY
        ]

    def is_scripted(self, day_number: int) -> bool:
        """Whether any event touches the day."""
        return bool(self.halts(day_number) or self.crashes(day_number))


def _crash(scripted: FlashCrash, *, tick: int) -> Crash:
    start_us, milliseconds = to_us(scripted.start), max(1, round(scripted.duration_s * 1_000))
    price = max(1, int(scripted.price * UNIT) // tick) * tick
    return Crash(start_us, start_us + milliseconds * 1_000, price)


def _clip(spans: Closed, start: int) -> list[tuple[int, int]]:
    return [(max(a, start), min(b, start + DAY_US)) for a, b in spans if a < start + DAY_US and b > start]


def _merge(spans: Iterable[tuple[int, int]]) -> Closed:
    """Sorted spans; those less than a second apart become one, since no trade would fit between them."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start < merged[-1][1] + SECOND_US:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
