"""A year of features asked in SQL: by the views of `crypto-assets query`, and by bare DuckDB over the same files."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bench.measuring import Costs, Rounds, Taken, take_turns
from bench.workspace import SYMBOL
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.reading.open_lake import OpenLake, open_lake

FIRST, DAYS, MINUTES = date(2024, 1, 1), 365, 1_440
MONTHS = (
    "SELECT date_trunc('month', date) AS month, count(*), avg(rsi_14_1m), max(atr_14_1m) FROM {gold} "
    "WHERE warm GROUP BY month ORDER BY month"
)
WEEK = (
    "SELECT date, avg(rsi_14_1m) FROM {gold} WHERE symbol = 'BTCUSDT' AND date BETWEEN '2024-08-01' AND '2024-08-07' "
    "GROUP BY date ORDER BY date"
)


def measure(folder: Path, rounds: int) -> Taken:
    """Aggregates by month over the year, and one week of it."""
    lake = Lake(str(folder / "lake"))
    make_year(lake)
    reader = open_lake(lake.uri)
    ours, bare = _asked(MONTHS, reader, lake=lake, rounds=rounds)
    yield "query.year", Rounds(ours.seconds)
    yield "query.year_duckdb", Rounds(ours.seconds, bare.seconds)
    ours, bare = _asked(WEEK, reader, lake=lake, rounds=rounds)
    yield "query.week_duckdb", Rounds(ours.seconds, bare.seconds)


def make_year(lake: Lake) -> None:
    """Gold of every day of a year, of numbers that do not compress better than real ones."""
    random = np.random.default_rng(1)
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        lake.publish(GOLD_FEATURES, SYMBOL, day, _day(day, random))


def _day(day: date, random: np.random.Generator) -> pa.Table:
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    times = begin + np.arange(MINUTES, dtype=np.int64) * 60_000_000
    columns: list[pa.Array] = []
    for field in GOLD_FEATURES.schema:
        if pa.types.is_timestamp(field.type):
            columns.append(pa.array(times).cast(field.type))
        elif pa.types.is_boolean(field.type):
            columns.append(pa.array(np.ones(MINUTES, dtype=bool)))
        else:
            columns.append(pa.array(random.normal(size=MINUTES)))
    return pa.table(columns, schema=GOLD_FEATURES.schema)


def _asked(sql: str, reader: OpenLake, *, lake: Lake, rounds: int) -> list[Costs]:
    files = f"read_parquet('{lake.uri}/gold/features/*/*/*.parquet', hive_partitioning = true)"
    bare = sql.format(gold=files)
    return take_turns(
        lambda: reader.sql(sql.format(gold="gold_features"), kind="arrow"),
        lambda: duckdb.connect().sql(bare).to_arrow_table(),
        rounds=rounds,
    )
