"""What a person wants to know of a day of seconds, in figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from crypto_assets.archive.raw import TIMEFRAME
from crypto_assets.archive.seconds import SECOND, CleanedSeconds
from crypto_assets.assets.each_partition import published_metadata
from crypto_assets.cleaning.coverage import count_slots, coverage_strip
from crypto_assets.cleaning.flags import UNUSABLE, count_flags, flag_mask
from crypto_assets.cleaning.gaps import Gap
from crypto_assets.lake.lake import Published
from crypto_assets.pictures.candles import candle_picture
from crypto_assets.pictures.coverage import coverage_picture
from crypto_assets.spans import day_span

LISTED = 20
"""Gaps that an event lists, the longest; the figure beside them counts all."""


def describe_seconds(cleaned: CleanedSeconds, published: Published, *, day: date) -> dict[str, Any]:
    """Metadata of a day: pictures first, then counts of seconds, steps and flags, then what is missing."""
    span = day_span(day)
    strip = coverage_strip(cleaned.table, timeframe=TIMEFRAME, day=span, gaps=cleaned.gaps)
    slots = count_slots(strip)
    usable = cleaned.table.filter(pa.array(cleaned.table["flags"].to_numpy() & flag_mask(UNUSABLE) == 0))
    picture = candle_picture(usable, day=span)
    flags = count_flags(cleaned.table)
    return {
        "coverage": dg.MetadataValue.md(coverage_picture(strip)),
        **({"candles": dg.MetadataValue.md(picture)} if picture else {}),
        **published_metadata(published),
        "present_percent": round(100 * slots["slots_present"] / strip.size, 3),
        "duplicates": cleaned.steps["deduplicate"].affected,
        "rejected": cleaned.rejected.num_rows,
        **slots,
        **cleaned.steps.as_metadata(),
        **{f"flag_{name}": count for name, count in flags.items()},
        "gap_seconds": sum((gap.end - gap.start) // SECOND for gap in cleaned.gaps),
        "gaps": dg.MetadataValue.md(_gap_list(cleaned.gaps)),
    }


def _gap_list(gaps: Sequence[Gap]) -> str:
    longest = sorted(sorted(gaps, key=lambda gap: gap.start - gap.end)[:LISTED], key=lambda gap: gap.start)
    lines = [f"- {gap.span}: {(gap.end - gap.start) // SECOND:,} s" for gap in longest]
    more = [f"- and {len(gaps) - LISTED:,} more, none longer"] if len(gaps) > LISTED else []
    return "\n".join([*lines, *more]) or "none"
