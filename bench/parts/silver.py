"""A day of cleaning beside a bare Polars program that reads, validates and writes the same rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path

import polars as pl

from bench.measuring import Rounds, Taken, take_turns
from bench.workspace import SYMBOL
from crypto_assets.cleaning.klines import clean_klines
from crypto_assets.cleaning.orderbook import clean_orderbook
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BOOK_LEVELS, BRONZE_KLINES, BRONZE_ORDERBOOK, SILVER_KLINES, SILVER_ORDERBOOK, Dataset
from crypto_assets.spans import day_span


def measure(lake: Lake, *, day: date, folder: Path, rounds: int) -> Taken:
    """Candles and order book apart."""
    notes = map(str, count())  # published files differ from the last, so that they are written
    ours, other = take_turns(
        lambda: clean_candles(lake, day=day, note=next(notes)),
        bare(lake, BRONZE_KLINES["1m"], day=day, target=folder / "klines.parquet", validate=_valid_klines),
        rounds=rounds,
    )
    yield "features.silver_candles", Rounds(ours.ms, other.ms)
    ours, other = take_turns(
        lambda: clean_book(lake, day=day, note=next(notes)),
        bare(lake, BRONZE_ORDERBOOK, day=day, target=folder / "book.parquet", validate=_valid_book),
        rounds=rounds,
    )
    yield "features.silver_books", Rounds(ours.ms, other.ms)


def clean_candles(lake: Lake, *, day: date, note: str) -> None:
    """Read, clean and publish the day's candles."""
    span = day_span(day)
    bronze = lake.read(BRONZE_KLINES["1m"], SYMBOL, day)
    assert bronze is not None
    cleaned = clean_klines(bronze, timeframe="1m", start=span.start, end=span.end)
    lake.publish(SILVER_KLINES["1m"], SYMBOL, day, cleaned.table, footer={"round": note})


def clean_book(lake: Lake, *, day: date, note: str) -> None:
    """Read, clean and publish the day's order books."""
    bronze = lake.read(BRONZE_ORDERBOOK, SYMBOL, day)
    assert bronze is not None
    lake.publish(SILVER_ORDERBOOK, SYMBOL, day, clean_orderbook(bronze).table, footer={"round": note})


def bare(
    lake: Lake, dataset: Dataset, *, day: date, target: Path, validate: Callable[[pl.DataFrame], pl.DataFrame]
) -> Callable[[], object]:
    """A program of four lines: read the parts, sort and drop copies, validate, write."""
    folder = Path(lake.uri_of(dataset, SYMBOL, day).removeprefix("file://"))
    parts = sorted(folder.rglob("*.parquet"))

    def run() -> None:
        rows = pl.read_parquet(parts, hive_partitioning=False)
        rows = rows.unique(subset=list(dataset.key), keep="first").sort(dataset.time_column)
        validate(rows).write_parquet(target, compression="zstd")

    return run


def _valid_klines(rows: pl.DataFrame) -> pl.DataFrame:
    prices = [pl.col(name) for name in ("open", "high", "low", "close")]
    return rows.filter(
        pl.all_horizontal(price > 0 for price in prices),
        pl.col("high") >= pl.max_horizontal("open", "close", "low"),
        pl.col("low") <= pl.min_horizontal("open", "close", "high"),
        pl.col("volume") >= 0,
        pl.col("volume") >= pl.col("taker_buy_volume"),
    )


def _valid_book(rows: pl.DataFrame) -> pl.DataFrame:
    levels = range(1, BOOK_LEVELS)
    values = [f"{side}_{what}_{n}" for side in ("bid", "ask") for what in ("price", "quantity") for n in (*levels, 10)]
    return rows.filter(
        pl.all_horizontal(pl.col(name) > 0 for name in values),
        pl.all_horizontal(pl.col(f"bid_price_{n}") > pl.col(f"bid_price_{n + 1}") for n in levels),
        pl.all_horizontal(pl.col(f"ask_price_{n}") < pl.col(f"ask_price_{n + 1}") for n in levels),
        pl.col("bid_price_1") < pl.col("ask_price_1"),
    )
