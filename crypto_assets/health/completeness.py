"""How many of the minutes that there can be of a day silver holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from crypto_assets.cleaning.coverage import COMPLETE_PERCENT, Slot, coverage_strip
from crypto_assets.cleaning.gaps import gaps_from_json
from crypto_assets.lake.lake import Lake
from crypto_assets.run_tags import command_to_run
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.spans import Span, day_span, known_span, runs_of

MINUTES = SILVER_KLINES["1m"]
MINUTE = timedelta(minutes=1)
MADE_AFTER = timedelta(hours=2)
"""Silver and gold of a day are made at 01:00 and 02:00 UTC of the next one."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Completeness:
    """The minutes of a day of a symbol, counted."""

    dataset: str
    symbol: str
    day: date
    rows: int | None
    """Minutes with a candle, real or filled; None where the day was never made."""
    expected: int
    """1,440, and of a day that runs those that had closed when it was last written, at the latest now."""
    filled: int
    """Those of the rows that were interpolated."""
    halt_minutes: int
    """Minutes without a candle, of which the exchange confirms that there was none."""
    unusable: int = 0
    """Those of the rows that contradict themselves or are out of range."""
    behind: int = 0
    """Of a day that runs: minutes that have closed since it was written."""
    halts: tuple[Span, ...] = ()
    missing: tuple[Span, ...] = ()

    @property
    def wanted(self) -> int:
        """Minutes that there can be: a halt is nobody's fault."""
        return self.expected - self.halt_minutes

    @property
    def usable(self) -> int | None:
        """Minutes with a candle, real or filled, that does not contradict itself; None where the day was never made."""
        return None if self.rows is None else self.rows - self.unusable

    @property
    def share(self) -> float | None:
        """Usable minutes, real or filled, over those that there can be, 0 to 1; None where the day was never made."""
        if self.usable is None:
            return None
        return self.usable / self.wanted if self.wanted else 1.0

    @property
    def is_complete(self) -> bool:
        """Whether no more is missing than the check of silver allows."""
        return self.share is not None and 100 * self.share >= COMPLETE_PERCENT

    @property
    def sentence(self) -> str:
        """The count in words, with what is missing, and what to run."""
        if self.rows is None:
            return f"{self._where}: {self._never_made}"
        parts = [f"{self.usable:,}/{self.wanted:,} minutes"]
        parts += [f"{self.filled:,} of them filled"] if self.filled else []
        parts += [f"{self.unusable:,} more contradict themselves"] if self.unusable else []
        parts += [f"missing {_listed(self.missing)}"] if self.missing else []
        parts += [f"the exchange halted for {self.halt_minutes:,} more ({_listed(self.halts)})"] if self.halts else []
        parts += [f"{self.behind:,} closed since it was written"] if self.behind else []
        said = f"{self._where}: {', '.join(parts)}."
        return said if self.is_complete else f"{said} Run: {self._command}"

    @property
    def _where(self) -> str:
        return f"{self.dataset} {self.day} {self.symbol}"

    @property
    def _never_made(self) -> str:
        if not self.expected:
            return "no minute of this day has closed yet."
        return f"never materialised, 0/{self.expected:,} minutes. Run: {self._command}"

    @property
    def _command(self) -> str:
        return command_to_run("medallion", f"{self.day}|{self.symbol}")


def newest_due_day(now: datetime) -> date:
    """The newest day that silver and gold must have been made of at a moment."""
    return (now.astimezone(UTC) - MADE_AFTER).date() - timedelta(days=1)


def completeness(lake: Lake, symbols: Sequence[str], days: Sequence[date], *, now: datetime) -> list[Completeness]:
    """The count of silver_klines_1m for each symbol and day, symbol by symbol in the order given.

    A day that runs at `now` is judged by the minutes that had closed when it was written; how many have closed since
    is told beside. Raises LakeError where a file cannot be read.
    """
    return [_count(lake, symbol, day, now=now) for symbol in symbols for day in days]


def _count(lake: Lake, symbol: str, day: date, *, now: datetime) -> Completeness:
    closed = known_span(day, MINUTE, now=now)
    outline = lake.outline(MINUTES, symbol, day)
    table = None if outline is None else lake.read(MINUTES, symbol, day, columns=["open_time", "flags"])
    if outline is None or table is None:
        return Completeness(MINUTES.name, symbol, day, None, closed.minutes, 0, 0)
    judged = _judged(closed, outline.notes.get("known_until"), day=day)
    gaps = gaps_from_json(outline.notes.get("gaps", "[]"))
    strip = coverage_strip(table, timeframe="1m", day=day_span(day), gaps=gaps, known_until=judged.end)[
        : judged.minutes
    ]
    filled, unusable, present = (np.count_nonzero(strip == s) for s in (Slot.FILLED, Slot.UNUSABLE, Slot.PRESENT))
    return Completeness(
        dataset=MINUTES.name,
        symbol=symbol,
        day=day,
        rows=present + filled + unusable,
        expected=judged.minutes,
        filled=filled,
        halt_minutes=np.count_nonzero(strip == Slot.HALT),
        unusable=unusable,
        behind=closed.minutes - judged.minutes,
        halts=runs_of(strip == Slot.HALT, start=judged.start, step=MINUTE),
        missing=runs_of(strip == Slot.MISSING, start=judged.start, step=MINUTE),
    )


def _judged(closed: Span, known_until: str | None, *, day: date) -> Span:
    """The minutes of a day that its file can be asked for."""
    if known_until is None or closed.end == day_span(day).end:
        return closed
    return Span(closed.start, max(closed.start, min(closed.end, datetime.fromisoformat(known_until))))


def _listed(spans: Sequence[Span]) -> str:
    more = f" and {len(spans) - SHOWN} more" if len(spans) > SHOWN else ""
    return f"{', '.join(map(str, spans[:SHOWN]))}{more}"
