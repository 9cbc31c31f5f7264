"""Candles of a made-up market as bronze of the lake has them, and as the collector sends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from crypto_assets.assets.gold_days import FeatureDays
from crypto_assets.assets.silver_days import KlinesDays
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.partitions import Partition
from crypto_assets.schemas import BRONZE_KLINES, TIMEFRAMES
from crypto_assets.spans import MICROSECOND, times_us, to_us
from crypto_assets_tests.features.synthetic import aggregate, walk

SYMBOL = "BTCUSDT"
MINUTE_US = 60_000_000
DAY = date(2026, 11, 20)
_DAY_US = 1_440 * MINUTE_US


def moment(minute: float, *, day: date = DAY) -> datetime:
    """So many minutes after the day's midnight."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)


AFTER = moment(60, day=DAY + timedelta(days=1))
"""When the day is over."""


def candles(
    *, seed: int = 1, days: int = 6, until: date = DAY, missing: Iterable[datetime] = ()
) -> dict[str, pa.Table]:
    """Bronze klines of each timeframe for so many days, the last of which is `until`; some 1m candles are missing.

    Candles of 5m and 15m are those of the whole market, whatever is missing.
    """
    start = to_us(moment(0, day=until)) - (days - 1) * _DAY_US
    minutes = walk(seed=seed, start_us=start, minutes=days * 1_440)
    silver = {"1m": minutes, "5m": aggregate(minutes, "5m"), "15m": aggregate(minutes, "15m")}
    found = {timeframe: bronze_of(table, timeframe) for timeframe, table in silver.items()}
    gone = [to_us(at) for at in missing]
    found["1m"] = found["1m"].filter(pa.array(~np.isin(times_us(found["1m"]["open_time"]), gone)))
    return found


def bronze_of(silver: pa.Table, timeframe: str) -> pa.Table:
    """The candles as rows that came live."""
    schema = BRONZE_KLINES[timeframe].schema
    length_us = TIMEFRAMES[timeframe] // MICROSECOND
    rows = silver.num_rows
    more = {
        "source": ["live"] * rows,
        "exchange": ["simulator-7"] * rows,
        "received_at": pa.array(times_us(silver["open_time"]) + length_us).cast(schema.field("received_at").type),
        "topic": [None] * rows,
        "partition": [None] * rows,
        "offset": [None] * rows,
    }
    columns = [silver[f.name] if f.name in silver.column_names and f.name not in more else more[f.name] for f in schema]
    return pa.table(
        [c if isinstance(c, pa.ChunkedArray) else pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)],
        schema=schema,
    )


def between(table: pa.Table, start: datetime, end: datetime) -> pa.Table:
    """Candles that opened in [start, end)."""
    opened = times_us(table["open_time"])
    return table.filter(pa.array((opened >= to_us(start)) & (opened < to_us(end))))


def closed_at(table: pa.Table, timeframe: str, at: datetime) -> pa.Table:
    """The candle that closed at the moment; none where there is none."""
    opened = at - TIMEFRAMES[timeframe]
    return between(table, opened, opened + timedelta(microseconds=1))


def put_bronze(lake: Lake, tables: Mapping[str, pa.Table], day: date, *, symbol: str = SYMBOL) -> None:
    """Make these candles bronze of the day, those of the day only."""
    for timeframe, table in tables.items():
        rows = between(table, moment(0, day=day), moment(1_440, day=day))
        dataset = BRONZE_KLINES[timeframe]
        version = f"{rows.num_rows:064d}"
        parts = (
            lake.write_part(dataset, symbol, day, rows, source="live", origin="test", version=version)
            if rows.num_rows
            else []
        )
        lake.publish_manifest(dataset, symbol, day, Manifest(parts=tuple(parts)))


def days_until(day: date, count: int) -> list[date]:
    """So many days, the last of which is `day`."""
    return [day - timedelta(days=back) for back in range(count - 1, -1, -1)]


def records(
    table: pa.Table, timeframe: str, *, symbol: str = SYMBOL, received_at: datetime | None = None
) -> list[dict[str, Any]]:
    """The candles as closed ones of the topic klines."""
    found: list[dict[str, Any]] = []
    for number, row in enumerate(table.to_pylist()):
        closed = row["open_time"] + TIMEFRAMES[timeframe]
        texts = {
            name: f"{row[name]:f}"
            for name in (
                "open",
                "high",
                "low",
                "close",
                "volume",
                "quote_volume",
                "taker_buy_volume",
                "taker_buy_quote_volume",
            )
        }
        found.append(
            {
                "symbol": symbol,
                "timeframe": timeframe,
                "open_time": row["open_time"],
                "close_time": row["close_time"],
                **texts,
                "count": row["count"],
                "closed": True,
                "event_time": closed,
                "received_at": received_at or closed,
                "connection": "c",
                "sequence": number,
                "source": "live",
            }
        )
    return found


def batch(folder: Path, market: Mapping[str, pa.Table], *, until: date = DAY, gold: Iterable[date] = (DAY,)) -> Lake:
    """A lake as batch leaves it once the days are over."""
    lake, days = Lake(str(folder)), days_until(until, 6)
    for day in days:
        put_bronze(lake, market, day)
    for timeframe in TIMEFRAMES:
        write = KlinesDays(lake, timeframe=timeframe, now=AFTER)
        for day in days:
            write.write(Partition(SYMBOL, day))
    for day in gold:
        FeatureDays(lake).write(Partition(SYMBOL, day))
    return lake
