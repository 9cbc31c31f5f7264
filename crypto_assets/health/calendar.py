"""Days of datasets as a calendar: what is there of each, and what the streams lost on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from crypto_assets.cleaning.gaps import GapCause, gaps_from_json, merged_spans
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES, SILVER_PERPETUAL, TIMEFRAMES, Dataset
from crypto_assets.spans import Span, day_span, intersect, known_span
from crypto_assets.stream.gaps import Gap, State

type DayState = Literal["complete", "partial", "halt", "present", "empty", "absent", "retired", "future"]
"""Complete: each row that there can be. Halt: each but those of a halt that the exchange confirms. Partial: some are
missing. Present: it is there, and nobody can tell how many rows it ought to have. Empty: present without rows. Retired:
deleted by retention, once what is made from it was verified. Absent: never materialised. Future: not yet begun."""

TIMEFRAME_OF: Mapping[str, str] = {
    dataset.name: timeframe for family in (BRONZE_KLINES, SILVER_KLINES) for timeframe, dataset in family.items()
} | {SILVER_PERPETUAL.name: "1m", GOLD_FEATURES.name: "1m"}
"""Datasets of which one knows how many rows a day has."""


@dataclass(frozen=True, slots=True)
class DayCoverage:
    """A day of a dataset of a symbol."""

    dataset: str
    symbol: str
    day: date
    state: DayState
    rows: int | None
    """None where there is nothing; of a retired day those that there were."""
    expected: int | None = None
    """Rows that there can be, a halt left out; None where nobody can tell."""


def coverage(
    lake: Lake, datasets: Sequence[Dataset], symbols: Sequence[str], *, start: date, end: date, now: datetime
) -> list[DayCoverage]:
    """The state of every day in [start, end), dataset by dataset, symbol by symbol, ascending by day.

    It costs a listing for each dataset and symbol, and a look at the end of a file or at a manifest for each day that
    has a folder; no row is read. Raises LakeError where a file cannot be read.
    """
    return [
        _coverage(lake, dataset, symbol, day, held=held, now=now)
        for dataset in datasets
        for symbol in symbols
        for held in (set(lake.day_folders(dataset, symbol)),)
        for day in _days(start, end)
    ]


def _coverage(lake: Lake, dataset: Dataset, symbol: str, day: date, *, held: set[date], now: datetime) -> DayCoverage:
    if day not in held:
        found: _Found = ("future" if day_span(day).start > now else "absent", None, None)
    else:
        find = _of_file if dataset.file else _of_parts
        found = find(lake, dataset, symbol, day, now=now)
    return DayCoverage(dataset.name, symbol, day, *found)


type _Found = tuple[DayState, int | None, int | None]
"""State, rows and how many there can be."""
_ABSENT: _Found = ("absent", None, None)


def _of_parts(lake: Lake, dataset: Dataset, symbol: str, day: date, *, now: datetime) -> _Found:
    manifest = lake.manifest(dataset, symbol, day)
    if manifest is None:
        retired = lake.retired(dataset, symbol, day)
        return _ABSENT if retired is None else ("retired", retired.keys, None)
    if dataset.name not in TIMEFRAME_OF:
        return _uncounted(manifest.rows)
    expected, halted = _slots(dataset, day, halts=manifest.halts, until=now)
    several = len({part.source for part in manifest.parts}) > 1
    # Copies of one candle from two sources hide what is missing.
    return _counted(manifest.rows, expected=expected, halted=halted, surely=not several)


def _of_file(lake: Lake, dataset: Dataset, symbol: str, day: date, *, now: datetime) -> _Found:
    outline = lake.outline(dataset, symbol, day)
    if outline is None:
        return _ABSENT
    if dataset.name not in TIMEFRAME_OF:
        return _uncounted(outline.rows)
    is_over = day_span(day).end <= now
    notes = outline.notes
    if dataset is GOLD_FEATURES:
        silver = lake.outline(SILVER_KLINES["1m"], symbol, day)  # gold has a row for each of its candles
        notes = {} if silver is None else silver.notes
    known = notes.get("known_until")
    until = now if known is None or is_over else min(now, datetime.fromisoformat(known))
    gaps = gaps_from_json(notes.get("gaps", "[]"))
    halts = [gap.span for gap in gaps if gap.cause is GapCause.EXCHANGE_HALT]
    expected, halted = _slots(dataset, day, halts=halts, until=until)
    if dataset is GOLD_FEATURES and not is_over:
        return _uncounted(outline.rows)  # of a day that runs it follows silver, a step behind
    return _counted(outline.rows, expected=expected, halted=halted)


def _counted(rows: int, *, expected: int, halted: int, surely: bool = True) -> _Found:
    wanted = expected - halted
    if rows < wanted:
        return ("partial", rows, wanted)
    return ("present" if not surely else "halt" if halted else "complete", rows, wanted)


def _uncounted(rows: int) -> _Found:
    return ("present" if rows else "empty", rows, None)


def _slots(dataset: Dataset, day: date, *, halts: Iterable[Span], until: datetime) -> tuple[int, int]:
    """Candles of the day that have closed by a moment, and those of them that were a halt."""
    step = TIMEFRAMES[TIMEFRAME_OF[dataset.name]]
    known = known_span(day, step, now=until)
    halted = sum((span.end - span.start) // step for span in intersect([known], merged_spans(halts)))
    return (known.end - known.start) // step, halted


def _days(start: date, end: date) -> Iterator[date]:
    return (start + timedelta(days=n) for n in range((end - start).days))


@dataclass(frozen=True, slots=True)
class GapMinutes:
    """How much of a day a stream of a symbol missed, in minutes; what several gaps cover counts once."""

    dataset: str
    """With its timeframe where it has one: klines_1m."""
    symbol: str
    day: date
    lost: float
    """Open, or of what nobody gives again."""
    open: float
    """Of that, what REST may still give."""
    repaired: float
    halted: float
    """The exchange confirms that there was nothing."""
    unsettled: int
    """Entries that are open or unrecoverable; one between two events of one moment lasts no time."""


def gap_minutes(gaps: Iterable[Gap], *, start: date, end: date) -> list[GapMinutes]:
    """What the ledger says of each day in [start, end) that has a gap, by dataset, symbol and day."""
    found: defaultdict[tuple[str, str, date], dict[State, list[Span]]] = defaultdict(lambda: defaultdict(list))
    for gap in gaps:
        name = f"{gap.dataset}_{gap.timeframe}" if gap.timeframe else gap.dataset
        for day in _days(max(start, gap.start.date()), min(end, gap.end.date() + timedelta(days=1))):
            whole = day_span(day)
            part = Span(max(gap.start, whole.start), min(gap.end, whole.end))
            if part.start < part.end or part.start == gap.start:
                found[name, gap.symbol, day][gap.state].append(part)
    return [
        GapMinutes(
            *place,
            lost=_minutes([*by_state["open"], *by_state["unrecoverable"]]),
            open=_minutes(by_state["open"]),
            repaired=_minutes(by_state["repaired"]),
            halted=_minutes(by_state["halted"]),
            unsettled=len(by_state["open"]) + len(by_state["unrecoverable"]),
        )
        for place, by_state in sorted(found.items())
    ]


def _minutes(spans: Iterable[Span]) -> float:
    return sum((span.end - span.start) / timedelta(minutes=1) for span in merged_spans(spans))
