"""A candle of a neighbouring day, and candles interpolated between two others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning import rules
from crypto_assets.cleaning.deduplicate import FIELDS, deduplicate_klines
from crypto_assets.cleaning.tables import frame_of
from crypto_assets.flags import is_usable
from crypto_assets.schemas import AMOUNT, BRONZE_KLINES, KLINE_FIELDS, TIMEFRAMES
from crypto_assets.spans import MICROSECOND

NEIGHBOUR_DAYS = 4
"""How far the candle before or after a day is looked for: the longest halt so far kept 2018-02-08 to -10 half empty."""
_DIGIT = Decimal(1).scaleb(-AMOUNT.scale)


@dataclass(frozen=True, slots=True)
class Candle:
    """Name and prices of a candle."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


def end_candles(klines: pa.Table, *, timeframe: str) -> tuple[Candle | None, Candle | None]:
    """The earliest and the latest usable candle of bronze or silver klines, None where there is none.

    Raises BadPayload when a column is absent or of another type.
    """
    usable = _usable_by_time(klines, timeframe=timeframe)
    return _candle_of(usable.head(1)), _candle_of(usable.tail(1))


def nearest_candle(ends: Callable[[int], tuple[Candle | None, Candle | None]], *, direction: int) -> Candle | None:
    """The usable candle of the days before (-1) or after (1) that is nearest to a day; None where NEIGHBOUR_DAYS have
    none. `ends` gives the first and the last one of the day that lies so many days later."""
    for distance in range(1, NEIGHBOUR_DAYS + 1):
        first, last = ends(direction * distance)
        nearest = last if direction < 0 else first
        if nearest is not None:
            return nearest
    return None


def candles_by_time(rows: pl.DataFrame, open_times: Iterable[datetime]) -> dict[datetime, Candle]:
    """Those of the open times for which `rows` hold a usable candle, with it."""
    wanted = rows.filter(pl.col("open_time").is_in(list(open_times)) & is_usable())
    return {row[0]: Candle(*row) for row in wanted.select("open_time", *rules.PRICES).iter_rows()}


def interpolated_kline(before: Candle, after: Candle, *, step: timedelta) -> dict[str, object]:
    """The candle between two others: each price is the mean of theirs, rounded half to even; nothing was traded."""
    open_time = before.open_time + step
    nothing = Decimal(0)
    return {
        "open_time": open_time,
        **{price: _mean(getattr(before, price), getattr(after, price)) for price in rules.PRICES},
        "volume": nothing,
        "close_time": open_time + step - rules.CLOSE_TIME_RESOLUTION_US * MICROSECOND,
        "quote_volume": nothing,
        "count": 0,
        "taker_buy_volume": nothing,
        "taker_buy_quote_volume": nothing,
    }


def _mean(a: Decimal, b: Decimal) -> Decimal:
    return ((a + b) / 2).quantize(_DIGIT, ROUND_HALF_EVEN)


def _usable_by_time(klines: pa.Table, *, timeframe: str) -> pl.DataFrame:
    step_us = TIMEFRAMES[timeframe] // MICROSECOND
    is_bronze = "source" in klines.column_names and "flags" not in klines.column_names
    schema = BRONZE_KLINES[timeframe].schema if is_bronze else pa.schema(KLINE_FIELDS)
    rows = frame_of(klines, schema, name=f"klines_{timeframe}")
    if is_bronze:  # of the copies of a candle the one that silver of that day keeps
        rows = deduplicate_klines(rows).rows
    elif "flags" in klines.column_names:
        rows = rows.with_columns(pl.Series("flags", klines["flags"].to_numpy())).filter(is_usable())
    wrong = rules.out_of_range(step_us) | rules.off_grid(step_us) | rules.ohlc_violation()
    return rows.drop_nulls(FIELDS).filter(~wrong).sort("open_time")


def _candle_of(rows: pl.DataFrame) -> Candle | None:
    return next((Candle(*row) for row in rows.select("open_time", *rules.PRICES).iter_rows()), None)
