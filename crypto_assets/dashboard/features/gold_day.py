"""A day of gold with its candles, as the page's charts and tables take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.gaps import merged_spans
from crypto_assets.errors import LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.run_tags import command_to_materialise
from crypto_assets.schemas import SILVER_KLINES, Dataset
from crypto_assets.spans import Span, day_span

CANDLES = SILVER_KLINES["1m"]
_PRICES = ("open", "high", "low", "close", "volume")
_MOST_CANDLES = 300
"""More of them are thinner than a pixel or two."""
CANDLE_MINUTES = (1, 5, 15)


@dataclass(frozen=True, slots=True)
class GoldDay:
    """One published day. Tables are shared between readers, who must not change them."""

    symbol: str
    day: date
    written_at: datetime | None
    gold: pl.DataFrame
    """All columns of `gold_features`, a row for each minute that has one."""
    candles: pl.DataFrame
    """open_time, open, high, low, close, volume of each minute as float64; empty where silver is not there."""


def version_of(lake: Lake, symbol: str, day: date) -> str:
    """Changes whenever the day's features or candles are published anew; raises LakeError."""
    paths = [dataset.partition_path(symbol, day) for dataset in (GOLD_FEATURES, CANDLES)]
    return " ".join(f"{lake.files.written_at(path)}/{lake.files.size(path)}" for path in paths)


def read_gold_day(lake: Lake, symbol: str, day: date) -> GoldDay | None:
    """The day; None where its features were never published. Raises LakeError, also where a file is damaged."""
    columns = ("open_time", *_PRICES)
    table = _read(lake, GOLD_FEATURES, symbol, day, columns=None)
    if table is None:
        return None
    candles = _read(lake, CANDLES, symbol, day, columns=columns)
    return GoldDay(
        symbol=symbol,
        day=day,
        written_at=lake.files.written_at(GOLD_FEATURES.partition_path(symbol, day)),
        gold=_polars(table),
        candles=_polars(CANDLES.schema.empty_table().select(columns) if candles is None else candles).with_columns(
            pl.col(_PRICES).cast(pl.Float64)
        ),
    )


def span_of_hours(day: date, hours: tuple[int, int]) -> Span:
    """The hours [first, last) of a day, UTC."""
    start = day_span(day).start
    return Span(start + timedelta(hours=hours[0]), start + timedelta(hours=hours[1]))


def candle_minutes(span: Span) -> int:
    """Length of the candles, in minutes, that can be told apart on a span."""
    minutes = (span.end - span.start) // timedelta(minutes=1)
    return next((length for length in CANDLE_MINUTES if minutes / length <= _MOST_CANDLES), CANDLE_MINUTES[-1])


def candles_of(day: GoldDay, span: Span, *, minutes: int) -> pl.DataFrame:
    """Candles of so many minutes in a span, from those of one minute: open_time, end, open, high, low, close, volume.

    A candle that misses minutes is made of those that are there; one that misses all is not there.
    """
    inside = day.candles.filter(pl.col("open_time").is_between(span.start, span.end, closed="left"))
    length = f"{minutes}m"
    return inside.group_by_dynamic("open_time", every=length).agg(
        (pl.col("open_time").first().dt.truncate(length) + pl.duration(minutes=minutes)).alias("end"),
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )


def values_of(day: GoldDay, names: Sequence[str], span: Span) -> pl.DataFrame:
    """as_of and the named features for every minute that closes in a span, null where there is no row or no value.

    A minute without a row is listed, so that a line drawn through the values breaks there.
    """
    grid = pl.datetime_range(
        span.start + timedelta(minutes=1), span.end, "1m", time_unit="us", time_zone="UTC", eager=True
    )
    values = day.gold.select("as_of", *(pl.when(pl.col(name).is_finite()).then(pl.col(name)) for name in names))
    return grid.alias("as_of").to_frame().join(values, on="as_of", how="left")


def spans_where(day: GoldDay, condition: pl.Expr, span: Span) -> list[Span]:
    """Longest runs of minutes of a span whose rows fulfil a condition; a minute without a row is in none."""
    inside = pl.col("open_time").is_between(span.start, span.end, closed="left")
    minutes = day.gold.filter(condition & inside)["open_time"].to_list()
    return list(merged_spans(Span(start, start + timedelta(minutes=1)) for start in minutes))


def _read(lake: Lake, dataset: Dataset, symbol: str, day: date, *, columns: Sequence[str] | None) -> pa.Table | None:
    try:
        return lake.read(dataset, symbol, day, columns=columns)
    except (pl.exceptions.PolarsError, pa.ArrowInvalid) as error:
        command = command_to_materialise(dataset.name, f"{day}|{symbol}")
        raise LakeError(
            f"{dataset.name} {day} {symbol} is no file of this version, but damaged or made by another. Make it again: "
            f"{command}"
        ) from error


def _polars(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # of a table, never a series
    return frame
