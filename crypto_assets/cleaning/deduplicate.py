"""One copy of each candle: whose word counts most, and what the others said."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from crypto_assets.cleaning.disagreements import OTHER, list_differences, no_differences
from crypto_assets.flags import raised
from crypto_assets.schemas import KLINE_FIELDS

SOURCES = ("archive", "rest", "history", "capture", "live")
"""Sources by precedence: the exchange's own final file first, the stream that may have been cut last."""

FIELDS = tuple(field.name for field in KLINE_FIELDS)


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """One row an open time, in the order of open times, with `flags`; and what the dropped copies said."""

    rows: pl.DataFrame
    dropped: int
    disagreements: pl.DataFrame


def source_rank() -> pl.Expr:
    """Place of the source in SOURCES, 0 is the best; a source it does not name comes last."""
    ranks = {source: rank for rank, source in enumerate(SOURCES)}
    return pl.col("source").replace_strict(ranks, default=len(SOURCES), return_dtype=pl.Int8)


def is_incomplete() -> pl.Expr:
    """True for rows that lack one of the exchange's fields."""
    return pl.any_horizontal(pl.col(FIELDS).is_null())


def deduplicate_klines(rows: pl.DataFrame) -> Deduplicated:
    """One copy of each open time: complete before incomplete, then by source, then the first received.

    `rows` are stored klines. Copies of one source and one `received_at` are ordered by their Kafka offset and at last
    by their values, so that the order of rows says nothing. Rows without an open time are nobody's copy and stay.
    """
    if not rows["open_time"].is_duplicated().any():
        ordered = rows if rows["open_time"].is_sorted(nulls_last=True) else rows.sort("open_time", nulls_last=True)
        return Deduplicated(_without_flags(ordered), 0, no_differences())
    ordered = sort_copies(rows)
    is_kept = ordered["open_time"].is_first_distinct() | ordered["open_time"].is_null()
    kept = _without_flags(ordered.filter(is_kept))
    columns = ["source", *FIELDS]
    pairs = kept.select(columns).join(ordered.filter(~is_kept).select(columns), on="open_time", suffix=OTHER)
    disagreements = list_differences(pairs, fields=FIELDS[1:])
    opens = pl.col("open_time")
    flagged = kept.with_columns(
        raised(
            {
                "duplicate_dropped": opens.is_in(pairs["open_time"].implode()),
                "sources_disagree": opens.is_in(disagreements["open_time"].implode()),
            }
        )
    )
    return Deduplicated(flagged, pairs.height, disagreements)


def sort_copies(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows by open time, and the copies of one candle from the most to the least trusted."""
    received = ("received_at", "partition", "offset", "topic", "source", "exchange")
    return rows.sort("open_time", is_incomplete(), source_rank(), *received, *FIELDS[1:], nulls_last=True)


def _without_flags(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(flags=pl.lit(0, pl.Int32))
