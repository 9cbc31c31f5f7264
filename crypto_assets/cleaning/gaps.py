"""Intervals without a candle: where they lie, how far they reach into the neighbouring days, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from crypto_assets.spans import Span, intersect, missing_spans


class GapCause(StrEnum):
    """Why there is no candle."""

    EXCHANGE_HALT = "exchange_halt"
    """Every source that was asked confirms that none exists."""
    NOT_RECEIVED = "not_received"
    """A source may still have it."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """The half-open interval [start, end) of one cause; it may begin before its day and end after it."""

    start: datetime
    end: datetime
    cause: GapCause

    @property
    def span(self) -> Span:
        """The interval without its cause."""
        return Span(self.start, self.end)


def gaps_as_json(gaps: Iterable[Gap]) -> str:
    """The gaps as a JSON array of {"start", "end", "cause"}, times in ISO 8601; what silver files carry as "gaps"."""
    return json.dumps(
        [{"start": gap.start.isoformat(), "end": gap.end.isoformat(), "cause": gap.cause.value} for gap in gaps]
    )


def gaps_from_json(text: str) -> tuple[Gap, ...]:
    """The gaps that `gaps_as_json` wrote."""
    return tuple(
        Gap(datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"]), GapCause(gap["cause"]))
        for gap in json.loads(text)
    )


def find_gaps(
    open_times_us: npt.NDArray[np.int64],
    *,
    span: Span,
    step: timedelta,
    halts: Sequence[Span],
    last_before: datetime | None,
    first_after: datetime | None,
) -> tuple[Gap, ...]:
    """Runs of slots of `span` without a candle, split where a halt begins or ends.

    A run that touches an end of `span` reaches on to the neighbouring day's nearest candle (its open time) where that
    is given, so that a gap over midnight is the same interval seen from both days. `halts` are merged.
    """
    missing = missing_spans(open_times_us, span, step)
    gaps = [gap for run in missing for gap in _split_by_cause(run, halts)]
    if gaps and last_before is not None and gaps[0].start == span.start:
        gaps[0] = Gap(min(span.start, last_before + step), gaps[0].end, gaps[0].cause)
    if gaps and first_after is not None and gaps[-1].end == span.end:
        gaps[-1] = Gap(gaps[-1].start, max(span.end, first_after), gaps[-1].cause)
    return tuple(gaps)


def merged_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same moments in as few spans as possible, in order; spans that touch become one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def _split_by_cause(run: Span, halts: Sequence[Span]) -> Iterator[Gap]:
    at = run.start
    for halt in intersect([run], halts):
        if at < halt.start:
            yield Gap(at, halt.start, GapCause.NOT_RECEIVED)
        yield Gap(halt.start, halt.end, GapCause.EXCHANGE_HALT)
        at = halt.end
    if at < run.end:
        yield Gap(at, run.end, GapCause.NOT_RECEIVED)
