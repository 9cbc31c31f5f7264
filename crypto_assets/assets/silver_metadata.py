"""What a person wants to know of a day of silver klines, in figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from crypto_assets.assets.each_partition import published_metadata
from crypto_assets.cleaning.coverage import count_slots, coverage_strip
from crypto_assets.cleaning.flags import UNUSABLE, count_flags, flag_mask
from crypto_assets.cleaning.gaps import Gap
from crypto_assets.cleaning.klines import CleanedKlines
from crypto_assets.lake.lake import Published
from crypto_assets.pictures.candles import candle_picture
from crypto_assets.pictures.coverage import coverage_picture
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import Span, day_span

LISTED = 20
"""Rows of a table in an event; the counts beside it are of all."""


def describe_klines(
    cleaned: CleanedKlines, published: Published, *, timeframe: str, day: date, span: Span
) -> dict[str, Any]:
    """Metadata of a day: pictures first, then counts of slots, steps and flags, then what is missing or disputed.

    `span` is the part of the day whose candles had closed.
    """
    strip = coverage_strip(
        cleaned.table, timeframe=timeframe, day=day_span(day), gaps=cleaned.gaps, known_until=span.end
    )
    expected = (span.end - span.start) // TIMEFRAMES[timeframe]
    slots = count_slots(strip)
    picture = candle_picture(_usable(cleaned.table), day=day_span(day))
    return {
        "coverage": dg.MetadataValue.md(coverage_picture(strip)),
        **({"candles": dg.MetadataValue.md(picture)} if picture else {}),
        **published_metadata(published),
        "present_percent": round(100 * slots["slots_present"] / expected, 3) if expected else 0.0,
        **slots,
        **cleaned.steps.as_metadata(),
        **{f"flag_{name}": count for name, count in count_flags(cleaned.table).items()},
        "gap_minutes": sum(_minutes_within(gap, span) for gap in cleaned.gaps),
        "gaps": dg.MetadataValue.md(_gap_list(cleaned.gaps)),
        "disagreements": cleaned.disagreements.num_rows,
        **_disagreement_table(cleaned.disagreements),
    }


def _usable(klines: pa.Table) -> pa.Table:
    return klines.filter(pa.array(klines["flags"].to_numpy() & flag_mask(UNUSABLE) == 0))


def _minutes_within(gap: Gap, span: Span) -> int:
    return max(0, Span(max(gap.start, span.start), min(gap.end, span.end)).minutes)


def _gap_list(gaps: Sequence[Gap]) -> str:
    lines = [f"- {gap.span}: {gap.cause.value.replace('_', ' ')}" for gap in gaps[:LISTED]]
    more = [f"- and {len(gaps) - LISTED} more"] if len(gaps) > LISTED else []
    return "\n".join([*lines, *more]) or "none"


def _disagreement_table(disagreements: pa.Table) -> dict[str, Any]:
    if not disagreements.num_rows:
        return {}
    rows = [
        dg.TableRecord({name: None if value is None else str(value) for name, value in row.items()})
        for row in disagreements.slice(0, LISTED).to_pylist()
    ]
    return {"first_disagreements": dg.MetadataValue.table(rows)}
