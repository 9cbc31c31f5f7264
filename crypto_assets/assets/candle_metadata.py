"""What a person wants to know of a day of candles, in figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crypto_assets.archive.raw import TIMEFRAME
from crypto_assets.archive.seconds import SECOND, CleanedSeconds
from crypto_assets.assets.each_partition import published_metadata
from crypto_assets.cleaning.coverage import count_slots, coverage_strip
from crypto_assets.cleaning.gaps import Gap
from crypto_assets.cleaning.klines import CleanedKlines
from crypto_assets.flags import UNUSABLE, count_flags, is_flagged
from crypto_assets.lake.lake import Published
from crypto_assets.pictures.candles import candle_picture
from crypto_assets.pictures.coverage import coverage_picture
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import Span, day_span

LISTED = 20
"""Rows of a table in an event, and gaps in a list; the counts beside them are of all."""


def describe_klines(
    cleaned: CleanedKlines, published: Published, *, timeframe: str, day: date, span: Span
) -> dict[str, Any]:
    """Metadata of a day of silver: pictures first, then counts of slots, steps and flags, then what is missing or
    disputed.

    `span` is the part of the day whose candles had closed.
    """
    strip = coverage_strip(
        cleaned.table, timeframe=timeframe, day=day_span(day), gaps=cleaned.gaps, known_until=span.end
    )
    return {
        **_pictures(cleaned.table, strip, day=day),
        **published_metadata(published),
        **_slots(strip, expected=(span.end - span.start) // TIMEFRAMES[timeframe]),
        **cleaned.steps.as_metadata(),
        **_flags(cleaned.table),
        "gap_minutes": sum(_minutes_within(gap, span) for gap in cleaned.gaps),
        "gaps": dg.MetadataValue.md(_gap_list(cleaned.gaps)),
        "disagreements": cleaned.disagreements.num_rows,
        **_disagreement_table(cleaned.disagreements),
    }


def describe_seconds(cleaned: CleanedSeconds, published: Published, *, day: date) -> dict[str, Any]:
    """Metadata of a day of the archive: pictures first, then counts of seconds, steps and flags, then what is
    missing."""
    strip = coverage_strip(cleaned.table, timeframe=TIMEFRAME, day=day_span(day), gaps=cleaned.gaps)
    return {
        **_pictures(cleaned.table, strip, day=day),
        **published_metadata(published),
        "duplicates": cleaned.steps["deduplicate"].affected,
        "rejected": cleaned.rejected.num_rows,
        **_slots(strip, expected=strip.size),
        **cleaned.steps.as_metadata(),
        **_flags(cleaned.table),
        "gap_seconds": sum(_seconds(gap) for gap in cleaned.gaps),
        "gaps": dg.MetadataValue.md(_longest_gaps(cleaned.gaps)),
    }


def _pictures(candles: pa.Table, strip: npt.NDArray[np.int8], *, day: date) -> dict[str, Any]:
    usable = candles.filter(pa.array(~is_flagged(candles, *UNUSABLE)))
    picture = candle_picture(usable, day=day_span(day))
    return {
        "coverage": dg.MetadataValue.md(coverage_picture(strip)),
        **({"candles": dg.MetadataValue.md(picture)} if picture else {}),
    }


def _slots(strip: npt.NDArray[np.int8], *, expected: int) -> dict[str, Any]:
    slots = count_slots(strip)
    return {"present_percent": round(100 * slots["slots_present"] / expected, 3) if expected else 0.0, **slots}


def _flags(candles: pa.Table) -> dict[str, int]:
    return {f"flag_{name}": count for name, count in count_flags(candles).items()}


def _minutes_within(gap: Gap, span: Span) -> int:
    return max(0, Span(max(gap.start, span.start), min(gap.end, span.end)).minutes)


def _seconds(gap: Gap) -> int:
    return (gap.end - gap.start) // SECOND


def _gap_list(gaps: Sequence[Gap]) -> str:
    lines = [f"- {gap.span}: {gap.cause.value.replace('_', ' ')}" for gap in gaps[:LISTED]]
    more = [f"- and {len(gaps) - LISTED} more"] if len(gaps) > LISTED else []
    return "\n".join([*lines, *more]) or "none"


def _longest_gaps(gaps: Sequence[Gap]) -> str:
    longest = sorted(sorted(gaps, key=lambda gap: gap.start - gap.end)[:LISTED], key=lambda gap: gap.start)
    lines = [f"- {gap.span}: {_seconds(gap):,} s" for gap in longest]
    more = [f"- and {len(gaps) - LISTED:,} more, none longer"] if len(gaps) > LISTED else []
    return "\n".join([*lines, *more]) or "none"


def _disagreement_table(disagreements: pa.Table) -> dict[str, Any]:
    if not disagreements.num_rows:
        return {}
    rows = [
        dg.TableRecord({name: None if value is None else str(value) for name, value in row.items()})
        for row in disagreements.slice(0, LISTED).to_pylist()
    ]
    return {"first_disagreements": dg.MetadataValue.table(rows)}
