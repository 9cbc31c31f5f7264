"""Funding, open interest, mark price and liquidations as one row a minute, each by the time it was known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.deduplicate import source_rank
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.schemas import (
    BRONZE_FUNDING_RATE,
    BRONZE_LIQUIDATIONS,
    BRONZE_MARK_PRICE,
    BRONZE_OPEN_INTEREST,
    SILVER_PERPETUAL,
    Dataset,
)

MARK_PRICE_MAX_AGE = timedelta(minutes=5)
"""A mark price is published every second or three; an older one than this is not the mark price any more."""
FUNDING_INTERVAL_MAX_HOURS = 8
"""The longest interval of the exchange: two settled rates further apart than this have others between them."""
RECORDED = ("capture", "live")
"""Sources whose `received_at` is the moment at which a row was known."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Perpetual:
    """SILVER_PERPETUAL rows, one for each minute of the span."""

    table: pa.Table

    def as_metadata(self) -> dict[str, int]:
        """Minutes for which each part is known."""
        parts = {
            "funding": "funding_rate",
            "open_interest": "open_interest",
            "mark_price": "mark_price",
            "liquidations": "liquidated_long_count",
        }
        rows = self.table.num_rows
        return {f"minutes_with_{part}": rows - self.table[column].null_count for part, column in parts.items()}


def build_perpetual(
    *,
    funding: pa.Table | None,
    open_interest: pa.Table | None,
    mark_price: pa.Table | None,
    liquidations: pa.Table | None,
    start: datetime,
    end: datetime,
) -> Perpetual:
    """A row for each minute of [start, end), of what was known by its end (`as_of`, inclusive).

    The tables are stored ones of the day and the day before it, in any order; None or empty where nothing is known.

    - Funding: the last settled rate, the one before it, and when the next one settles: as the mark-price stream said
      last, at most 5 minutes ago and not settled since, else the last settlement and its interval. Null once that time
      has passed without a settlement.
    - Open interest: the last figure and its time; how old it may be is for the reader to say.
    - Mark and index price: the last ones, at most 5 minutes old.
    - Liquidations: those that became known in the minute, in filled quote value. 0 only where the recorder is known to
      have run: a mark price was captured in that minute. Null where nobody knows.

    Raises BadPayload when a column is absent or of another type.
    """
    opens = pl.datetime_range(start, end, _MINUTE, closed="left", time_unit="us", time_zone="UTC", eager=True)
    grid = pl.DataFrame({"open_time": opens, "as_of": opens + _MINUTE})
    marks = _rows(mark_price, BRONZE_MARK_PRICE)
    rows = _known_last(grid, _settlements(_rows(funding, BRONZE_FUNDING_RATE)), on="funding_time")
    rows = _known_last(rows, _open_interest(_rows(open_interest, BRONZE_OPEN_INTEREST)), on="open_interest_time")
    rows = _known_last(rows, _marks(marks), on="mark_time", tolerance=MARK_PRICE_MAX_AGE)
    rows = _known_last(rows, _announcements(marks), on="announced_at", tolerance=MARK_PRICE_MAX_AGE)
    rows = rows.join(
        _liquidations(_rows(liquidations, BRONZE_LIQUIDATIONS), marks),
        on="open_time",
        how="left",
        maintain_order="left",
    )
    announced, expected = pl.col("announced_funding_time"), pl.col("expected_funding_time")
    is_settled = announced <= pl.col("funding_time")
    upcoming = pl.when(is_settled).then(expected).otherwise(pl.coalesce(announced, expected))
    rows = rows.with_columns(next_funding_time=pl.when(upcoming >= pl.col("as_of")).then(upcoming))
    return Perpetual(table_of(rows, SILVER_PERPETUAL.payload))


def _rows(table: pa.Table | None, dataset: Dataset) -> pl.DataFrame:
    """One copy of each key, in order of time: that of the best source, then the first received."""
    rows = frame_of(dataset.schema.empty_table() if table is None else table, dataset.schema, name=dataset.name)
    others = [column for column in dataset.schema.names if column not in dataset.key]
    return (
        rows.drop_nulls(list(dataset.key))
        .sort(*dataset.key, source_rank(), "received_at", *others, nulls_last=True)
        .unique(list(dataset.key), keep="first", maintain_order=True)
    )


def _known_last(
    rows: pl.DataFrame, events: pl.DataFrame, *, on: str, tolerance: timedelta | None = None
) -> pl.DataFrame:
    """The rows, with the columns of the last event at or before `as_of`."""
    return rows.join_asof(
        events.sort(on), left_on="as_of", right_on=on, strategy="backward", tolerance=tolerance, coalesce=False
    )


def _settlements(funding: pl.DataFrame) -> pl.DataFrame:
    """Settled rates by time, with the one before each and the time of the next; sources agree on the minute only."""
    settled = (
        funding.with_columns(_minute=pl.col("funding_time").dt.round("1m"))
        .sort("_minute", source_rank(), "funding_time")
        .group_by("_minute", maintain_order=True)
        .agg(pl.col("funding_time", "funding_rate").first(), pl.col("interval_hours").drop_nulls().first())
    )
    since_former = (pl.col("_minute").diff().dt.total_minutes() / 60).round().cast(pl.Int32)
    interval = pl.coalesce("interval_hours", pl.when(since_former <= FUNDING_INTERVAL_MAX_HOURS).then(since_former))
    return settled.with_columns(_interval=interval).select(
        "funding_time",
        pl.col("funding_rate").cast(pl.Float64),
        previous_funding_rate=pl.when(since_former <= pl.col("_interval")).then(
            pl.col("funding_rate").cast(pl.Float64).shift(1)
        ),
        expected_funding_time=pl.col("_minute") + pl.duration(hours=pl.col("_interval")),
    )


def _open_interest(figures: pl.DataFrame) -> pl.DataFrame:
    return figures.drop_nulls("open_interest").select(
        pl.col("time").alias("open_interest_time"), pl.col("open_interest", "open_interest_value").cast(pl.Float64)
    )


def _marks(marks: pl.DataFrame) -> pl.DataFrame:
    return marks.select(pl.col("time").alias("mark_time"), pl.col("mark_price", "index_price").cast(pl.Float64))


def _announcements(marks: pl.DataFrame) -> pl.DataFrame:
    """When the next rate settles, from those rows that say so: the archive's, at the end of each minute, do not."""
    return marks.drop_nulls("next_funding_time").select(
        pl.col("time").alias("announced_at"), pl.col("next_funding_time").alias("announced_funding_time")
    )


def _liquidations(liquidations: pl.DataFrame, marks: pl.DataFrame) -> pl.DataFrame:
    """Counts and values of the minutes in which the recorder is known to have run, by `open_time`."""
    known = pl.when(pl.col("source").is_in(RECORDED)).then(pl.max_horizontal("time", "received_at")).otherwise("time")
    ran = marks.filter(pl.col("source").is_in(RECORDED)).select(pl.col("time").dt.truncate("1m").alias("open_time"))
    value = (pl.col("filled_quantity").cast(pl.Float64) * pl.col("average_price").cast(pl.Float64)).alias("value")
    is_side = {"long": pl.col("side") == "SELL", "short": pl.col("side") == "BUY"}
    figures = (
        liquidations.with_columns(known.dt.truncate("1m").alias("open_time"), value)
        .sort("time", "side", "value")  # sums of floats depend on their order
        .group_by("open_time")
        .agg(
            *(condition.sum().cast(pl.Int64).alias(f"liquidated_{side}_count") for side, condition in is_side.items()),
            *(
                pl.col("value").filter(condition).sum().alias(f"liquidated_{side}_volume")
                for side, condition in is_side.items()
            ),
        )
    )
    minutes = pl.concat([ran, figures.select("open_time")]).unique()
    return minutes.join(figures, on="open_time", how="left").fill_null(0)
