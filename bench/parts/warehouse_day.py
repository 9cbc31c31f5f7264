"""A day of trades from PostgreSQL to facts in Parquet, beside bare PySpark of the same logic, and Polars alone.

All three give the same facts to the last digit, which is checked.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measuring import Rounds, Taken, take_turns
from bench.workspace import embedded
from crypto_assets.endpoints import postgres_url
from crypto_assets.spans import day_span
from crypto_assets.warehouse.tables import FACT_TRADES, MEAN, TRADES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXCHANGE = "simulator-7"
DAY = date(2024, 8, 5)
SHARES = {"BTCUSDT": 0.4, "ETHUSDT": 0.3, "SOLUSDT": 0.15, "BNBUSDT": 0.1, "XRPUSDT": 0.05}
"""How the trades of a day are spread over symbols, about as on the exchange."""
TRADES_OF_DAY = 1_000_000


def measure(folder: Path, rounds: int, *, trades: int = TRADES_OF_DAY) -> Taken:
    """Seconds and processor time of a day, all three in turns."""
    from crypto_assets.postgres.migrate import migrate
    from crypto_assets.spark.session import end_session
    from resources.spark import start_batch

    with embedded(folder / "postgres", ["postgres"]) as settings:
        url = postgres_url(settings)
        migrate(url)
        _fill(url, trades)
        spark = start_batch(settings)
        try:
            ways: list[Callable[[], Path]] = [
                lambda: _ours(spark, url, folder / "ours"),
                lambda: _bare(spark, url, folder / "bare"),
                lambda: _polars(url, folder / "polars"),
            ]
            _check_equal([way() for way in ways])  # which warms them up
            ours, bare, alone = take_turns(*ways, rounds=rounds, warm_up=False)
        finally:
            end_session()
    yield "warehouse.spark", Rounds(ours.seconds, bare.seconds)
    yield "warehouse.spark_cpu", Rounds(ours.cpu_s, bare.cpu_s)
    yield "warehouse.polars", Rounds(ours.seconds, alone.seconds)
    yield "warehouse.polars_cpu", Rounds(ours.cpu_s, alone.cpu_s)


def _fill(url: str, trades: int) -> None:
    """Put the day into `trades`: bursts and quiet minutes, ids in the order of time, prices that walk."""
    from crypto_assets.postgres.connection import connect
    from crypto_assets.postgres.days import ensure_days

    columns = ["day", "exchange", *TRADES.names, "source", "received_at"]
    with closing(connect(url)) as connection, connection, connection.cursor() as cursor:
        ensure_days(connection, [DAY])
        for number, (symbol, share) in enumerate(SHARES.items()):
            rows = _trades(symbol, round(trades * share), seed=number)
            text = io.StringIO(rows.select(columns).write_csv(include_header=False))
            cursor.copy_expert(f"COPY public.trades ({', '.join(columns)}) FROM STDIN (FORMAT csv)", text)
    with closing(connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE public.trades")


def _trades(symbol: str, count: int, *, seed: int) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    busy = chance.gamma(1.5, size=1_440)
    minutes = np.sort(chance.choice(1_440, size=count, p=busy / busy.sum()))
    offsets = np.sort(minutes * 60_000_000 + chance.integers(0, 60_000_000, size=count))
    price = 6_000_000 + np.cumsum(chance.integers(-3, 4, size=count))
    decimal = {"price": price, "quantity": np.ceil(chance.lognormal(7, 2, size=count)).astype(np.int64)}
    amounts = {
        name: pl.Series(whole).cast(pl.String).str.zfill(6).str.replace(pattern, "${1}.$2")
        for (name, whole), pattern in zip(decimal.items(), (r"^(\d+)(\d\d)$", r"^(\d+)(\d{5})$"), strict=True)
    }
    start = day_span(DAY).start
    return pl.DataFrame(
        {
            "trade_id": np.arange(count) + 3_000_000_000,
            "trade_time": pl.Series(offsets).cast(pl.Duration("us")),
            **amounts,
            "is_buyer_maker": chance.random(count) < 0.5,
        }
    ).with_columns(
        pl.lit(DAY).alias("day"),
        pl.lit(EXCHANGE).alias("exchange"),
        pl.lit(symbol).alias("symbol"),
        pl.lit("live").alias("source"),
        trade_time=(pl.lit(start) + pl.col("trade_time")),
        received_at=(pl.lit(start) + pl.col("trade_time")),
    )


def _ours(spark: SparkSession, url: str, folder: Path) -> Path:
    """What the asset does: extract, facts, publication."""
    from crypto_assets.warehouse.extract import facts_from_postgres
    from crypto_assets.warehouse.store import FILE, WarehouseStore

    store = WarehouseStore(str(folder))
    found = facts_from_postgres(lambda: spark, url, exchange=EXCHANGE, day=DAY)
    store.files.remove(f"{FACT_TRADES.folder(DAY)}/{FILE}")  # what is there already would not be written
    store.publish(FACT_TRADES, DAY, found.facts)
    return folder / FACT_TRADES.folder(DAY)


def _bare(spark: SparkSession, url: str, folder: Path) -> Path:
    """The same by Spark's own means: as many connections, groupBy, decimals that hold every digit, Parquet."""
    from pyspark.sql import functions as f

    from crypto_assets.postgres.connection import connect
    from crypto_assets.warehouse.extract import jdbc_options, plan_predicates
    from crypto_assets.warehouse.snapshot import read_held_trades

    with closing(connect(url)) as connection:
        predicates = plan_predicates(read_held_trades(connection, exchange=EXCHANGE, day=DAY), DAY)
    options = jdbc_options(url)
    query = f"(SELECT {', '.join(TRADES.names)} FROM public.trades WHERE day = '{DAY}' AND exchange = '{EXCHANGE}') t"
    rows = spark.read.jdbc(options.pop("url"), query, predicates=predicates, properties=options)
    # Spark gives a product or quotient no more than 38 digits, so that wider operands would lose some of them.
    price, quantity = f.col("price"), f.col("quantity")
    value = price.cast("decimal(18,8)") * quantity.cast("decimal(18,8)")
    minute = f.date_trunc("minute", "trade_time").cast("timestamp_ntz").alias("trade_minute")
    count = f.count("*").cast("decimal(9,0)")
    bought = f.when(f.col("is_buyer_maker"), f.lit(0).cast("decimal(28,8)")).otherwise(quantity)
    facts = rows.groupBy("symbol", minute).agg(
        f.min(price).alias("min_price"),
        f.max(price).alias("max_price"),
        (f.sum(price).cast("decimal(20,8)") / count).cast("decimal(38,18)").alias("avg_price"),
        f.sum(quantity).cast("decimal(28,8)").alias("total_quantity"),
        f.sum(value).cast("decimal(38,16)").alias("total_trade_value"),
        f.min_by(price, "trade_id").alias("open_price"),
        f.max_by(price, "trade_id").alias("close_price"),
        f.count("*").alias("trade_count"),
        f.sum(bought).cast("decimal(28,8)").alias("taker_buy_quantity"),
    )
    vwap = f.col("total_trade_value").cast("decimal(28,16)") / f.col("total_quantity").cast("decimal(18,8)")
    complete = facts.withColumn("vwap", vwap.cast("decimal(38,18)"))
    complete.coalesce(1).write.mode("overwrite").parquet(str(folder))
    return folder


def _polars(url: str, folder: Path) -> Path:
    """The same function in this process, on what one connection gives by COPY."""
    from crypto_assets.postgres.connection import connect
    from crypto_assets.warehouse.facts import trade_facts

    query = f"SELECT {', '.join(TRADES.names)} FROM public.trades WHERE day = '{DAY}' AND exchange = '{EXCHANGE}'"
    content = io.BytesIO()
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv)", content)
    amount = pl.Decimal(28, 8)
    read = pl.read_csv(
        content.getvalue(),
        has_header=False,
        schema=dict(zip(TRADES.names, (pl.String, pl.Int64, pl.String, amount, amount, pl.String), strict=True)),
    )
    rows = read.with_columns(
        pl.col("trade_time").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", time_zone="UTC"),
        is_buyer_maker=pl.col("is_buyer_maker") == "t",
    )
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(trade_facts(rows.to_arrow().cast(TRADES)), folder / "facts.parquet")
    return folder


def _check_equal(folders: Sequence[Path]) -> None:
    """Raises AssertionError where the three differ; Spark rounds a tie of a mean up, the others to the even."""
    ours, bare, alone = (_facts(folder) for folder in folders)
    means = ("avg_price", "vwap")
    same = [name for name in FACT_TRADES.schema.names if name not in means]
    if not ours.equals(alone) or not ours.select(same).equals(bare.select(same)):
        raise AssertionError("the facts differ, so that their times cannot be compared")
    for name in means:
        apart = max(abs(a - b) for a, b in zip(ours[name].to_pylist(), bare[name].to_pylist(), strict=True))
        if apart > Decimal(f"1e-{MEAN.scale}"):
            raise AssertionError(f"{name} differs by {apart}")


def _facts(folder: Path) -> pa.Table:
    (path,) = folder.glob("*.parquet")
    table = pq.ParquetFile(path).read(columns=FACT_TRADES.schema.names).select(FACT_TRADES.schema.names)
    ordered = table.cast(FACT_TRADES.schema).sort_by([("symbol", "ascending"), ("trade_minute", "ascending")])
    return ordered.combine_chunks().replace_schema_metadata(None)
