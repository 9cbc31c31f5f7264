"""The same day counted in each system that holds it, in that system's own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from crypto_assets.archive.landing import path_of
from crypto_assets.archive.seconds import read_seconds
from crypto_assets.assets.share import hive_table
from crypto_assets.assets.share_sheet import LAYOUT
from crypto_assets.config import read_settings
from crypto_assets.errors import InputIncomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.runs.events import Held
from crypto_assets.warehouse.figures import bounds_of
from crypto_assets.warehouse.tables import FACT_TRADES
from resources.landing import LandingResource
from resources.postgres import PostgresResource
from resources.sheets import SheetsResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource

POSTGRES, S3, REDSHIFT, HDFS, HIVE, SHEET = "PostgreSQL", "S3", "Redshift", "HDFS", "Hive", "sheet"
SYSTEMS = (POSTGRES, S3, REDSHIFT, HDFS, HIVE, SHEET)
"""In the order of the table that shows them."""

IN_POSTGRES = """
SELECT symbol, COUNT(*), COUNT(*), SUM(quantity), COUNT(DISTINCT date_trunc('minute', trade_time)),
    (ARRAY_AGG(price ORDER BY trade_id DESC))[1]
FROM trades
WHERE exchange = %s AND day = %s AND symbol = ANY(%s)
GROUP BY symbol
"""
IN_REDSHIFT = """
SELECT symbol, COUNT(*), SUM(trade_count), SUM(total_quantity), COUNT(*), MAX(last_price)
FROM (
    SELECT symbol, trade_count, total_quantity,
        LAST_VALUE(close_price) OVER (
            PARTITION BY symbol ORDER BY trade_minute ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS last_price
    FROM fact_trades
    WHERE trade_minute >= '{start}' AND trade_minute < '{end}'
) AS of_day
GROUP BY symbol
"""
IN_HIVE = """
SELECT
    symbol,
    COUNT(*),
    MAX(CASE WHEN timeframe = '1d' THEN trades END),
    MAX(CASE WHEN timeframe = '1d' THEN volume END),
    COUNT(CASE WHEN timeframe = '1m' THEN 1 END),
    MAX(CASE WHEN timeframe = '1d' THEN close END)
FROM {table}
WHERE year = '{day:%Y}' AND month = '{day:%m}' AND day = '{day:%d}'
GROUP BY symbol
"""


def count_everywhere(symbols: Sequence[str], day: date) -> Iterator[Held]:
    """What each system holds of each symbol's day; a symbol that a system lacks is not told of.

    Raises InputIncomplete where files of the day are missing, and as the resources do where a system is away.
    """
    yield from _of_rows(POSTGRES, _in_postgres(symbols, day))
    yield from _in_s3(day)
    yield from _of_rows(REDSHIFT, _in_redshift(day))
    for symbol in symbols:
        yield _in_hdfs(symbol, day)
    yield from _of_rows(HIVE, _in_hive(day))
    yield from _in_sheet(symbols, day)


def _of_rows(system: str, rows: Sequence[Sequence[Any]]) -> Iterator[Held]:
    for symbol, count, trades, volume, minutes, close in rows:
        yield Held(system, symbol, int(count), int(trades), Decimal(volume), int(minutes), Decimal(close))


def _in_postgres(symbols: Sequence[str], day: date) -> Sequence[Sequence[Any]]:
    postgres = PostgresResource()
    with postgres.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(IN_POSTGRES, (postgres.exchange, day, list(symbols)))
        return cursor.fetchall()


def _in_s3(day: date) -> Iterator[Held]:
    facts = WarehouseResource().store.read(FACT_TRADES, day)
    if facts is None:
        raise InputIncomplete(f"There is no {FACT_TRADES.name} of {day} on S3.")
    held = (
        pl.DataFrame(pl.from_arrow(facts))
        .sort("trade_minute")
        .group_by("symbol", maintain_order=True)
        .agg(
            pl.len().alias("rows"),
            pl.col("trade_count").sum(),
            pl.col("total_quantity").sum(),
            pl.len().alias("minutes"),
            pl.col("close_price").last(),
        )
    )
    return _of_rows(S3, held.rows())


def _in_redshift(day: date) -> Sequence[Sequence[Any]]:
    start, end = bounds_of(day)
    return WarehouseResource().redshift().execute_query(IN_REDSHIFT.format(start=start, end=end), True) or []


def _in_hdfs(symbol: str, day: date) -> Held:
    content = LandingResource().open().read(path_of(symbol, day))
    if content is None:
        raise InputIncomplete(f"There is no file of {symbol} {day} on HDFS.")
    seconds = pl.DataFrame(pl.from_arrow(read_seconds(content, symbol=symbol, day=day).rows)).sort("open_time")
    traded = seconds.filter(pl.col("count") > 0)
    return Held(
        HDFS,
        symbol,
        rows=seconds.height,
        trades=int(traded["count"].sum()),
        volume=Decimal(traded["volume"].sum()),
        minutes=traded["open_time"].dt.truncate("1m").n_unique(),
        close=traded["close"][-1],
    )


def _in_hive(day: date) -> Sequence[Sequence[Any]]:
    spark = SparkResource()
    table = hive_table(spark, Lake(read_settings().lake))
    return spark.hive_session.sql(IN_HIVE.format(table=table.name, day=day)).collect()


def _in_sheet(symbols: Sequence[str], day: date) -> Iterator[Held]:
    tabs = SheetsResource().spreadsheet().read(LAYOUT, symbols)
    for symbol, rows in tabs.items():
        named = [dict(zip(LAYOUT.columns, row, strict=False)) for row in rows[1:]]
        windows = [row for row in named if str(row["window_start"]).startswith(str(day))]
        yield from _day_in_sheet(symbol, windows)


def _day_in_sheet(symbol: str, windows: Sequence[Mapping[str, Any]]) -> Iterator[Held]:
    for whole in (window for window in windows if window["timeframe"] == "1d"):
        yield Held(
            SHEET,
            symbol,
            rows=len(windows),
            trades=int(whole["trades"]),
            volume=Decimal(str(whole["volume"])),
            minutes=sum(window["timeframe"] == "1m" for window in windows),
            close=Decimal(str(whole["close"])),
        )
