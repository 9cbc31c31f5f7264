"""Half-open spans of time and of the slots of a timeframe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
TIMEFRAME_US = {"1s": SECOND_US, "1m": MINUTE_US, "5m": 5 * MINUTE_US, "15m": 15 * MINUTE_US}
"""Length of every candle that is stored or streamed."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The half-open interval [start, end) of aware UTC datetimes."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        same_day = self.start.date() == self.end.date()
        return f"{self.start:%Y-%m-%d %H:%M}-{self.end:{'%H:%M' if same_day else '%Y-%m-%d %H:%M'}}"

    @property
    def minutes(self) -> int:
        """Whole minutes in the span."""
        return (self.end - self.start) // timedelta(minutes=1)

    def overlaps(self, other: Span) -> bool:
        """Whether the two share a moment."""
        return self.start < other.end and other.start < self.end


def to_us(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware datetime, exactly."""
    return (moment - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=us)


def times_us(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """A column of timestamps as int64 microseconds since 1970-01-01 UTC."""
    return pc.cast(column, pa.int64()).to_numpy()


def day_span(day: date) -> Span:
    """The UTC day as a span."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Span(start, start + timedelta(days=1))


def known_span(day: date, timeframe: timedelta, *, now: datetime) -> Span:
    """The part of a UTC day whose candles have closed by `now`; empty (start == end) for a day not yet begun."""
    whole = day_span(day)
    closed = EPOCH + (now - EPOCH) // timeframe * timeframe
    return Span(whole.start, min(whole.end, max(whole.start, closed)))


def missing_spans(
    times_us: npt.NDArray[np.int64], span: Span, timeframe: timedelta, *, on_grid: bool = False
) -> tuple[Span, ...]:
    """Runs of slots of `span` that hold none of the times (int64 us, any order, duplicates allowed).

    With `on_grid` only a time that is the start of a slot fills it.
    """
    step = timeframe // MICROSECOND
    start = to_us(span.start)
    slots = (to_us(span.end) - start) // step
    present = np.zeros(slots, dtype=bool)
    index, rest = np.divmod(times_us - start, step)
    index = index[rest == 0] if on_grid else index
    present[index[(index >= 0) & (index < slots)]] = True
    return runs_of(~present, start=span.start, step=timeframe)


def runs_of(chosen: npt.NDArray[np.bool_], *, start: datetime, step: timedelta) -> tuple[Span, ...]:
    """Slots in a row that are chosen, as spans; the first slot begins at `start`, and each lasts a step."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False])).astype(np.int8))).tolist()
    return tuple(Span(start + a * step, start + b * step) for a, b in zip(edges[::2], edges[1::2], strict=True))


def intersect(spans: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """Parts of `spans` that lie in one of `others`; both are without overlaps in themselves."""
    held = list(others)
    return tuple(
        Span(max(a.start, b.start), min(a.end, b.end)) for a in sorted(spans) for b in sorted(held) if a.overlaps(b)
    )
