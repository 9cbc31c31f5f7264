"""Facts read by Spark from a real PostgreSQL, and from the lake: the same, whatever happens meanwhile."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from contextlib import closing, redirect_stdout
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from crypto_assets.errors import ServiceUnavailable
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.rows import Value, upsert_rows
from crypto_assets.postgres.tables import TRADES as TRADES_TABLE
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets.warehouse import extract
from crypto_assets.warehouse.extract import (
    facts_from_lake,
    facts_from_postgres,
    jdbc_options,
    plan_predicates,
    read_lake_trades,
)
from crypto_assets.warehouse.facts import trade_facts
from crypto_assets.warehouse.snapshot import HeldTrades
from crypto_assets.warehouse.tables import FACT_TRADES, TRADES
from crypto_assets_tests.databases import EXCHANGE, trade_row

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2024, 8, 8)
START = datetime(2024, 8, 8, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def trades_of_a_day(count: int = 600) -> list[dict[str, Any]]:
    """Trades at random moments of the day, the first and the last of its microseconds among them."""
    chance = random.Random(5)
    day_us = 86_400_000_000
    moments = sorted([0, day_us - 1, *(chance.randrange(day_us) for _ in range(count - 2))])
    return [
        {
            "symbol": symbol,
            "trade_id": number,
            "trade_time": START + timedelta(microseconds=moment),
            "price": Decimal(chance.randrange(1, 10**12)).scaleb(-8),
            "quantity": Decimal(chance.randrange(1, 10**10)).scaleb(-8),
            "is_buyer_maker": chance.random() < 0.5,
        }
        for symbol in SYMBOLS
        for number, moment in enumerate(moments)
    ]


def row_of(trade: dict[str, Any]) -> tuple[Value, ...]:
    return (EXCHANGE, *(trade[name] for name in TRADES.names), "live", trade["trade_time"])


def put(url: str, rows: Sequence[tuple[Value, ...]]) -> None:
    with closing(connect(url)) as connection:
        upsert_rows(connection, TRADES_TABLE, rows)
        connection.commit()


def put_in_lake(lake: Lake, trades: list[dict[str, Any]]) -> None:
    """The day in two parts that share some trades, as a stream and an archive give them."""
    for symbol in SYMBOLS:
        own = [t for t in trades if t["symbol"] == symbol]
        parts = []
        for source, part in (("live", own[: len(own) // 2 + 20]), ("archive", own[len(own) // 2 :])):
            columns: dict[str, list[Any]] = {
                "time": [t["trade_time"] for t in part],
                "quote_quantity": [(t["price"] * t["quantity"]).quantize(Decimal("1e-8")) for t in part],
                **{name: [t[name] for t in part] for name in ("trade_id", "price", "quantity", "is_buyer_maker")},
                "source": [source] * len(part),
                "exchange": [EXCHANGE] * len(part),
                "received_at": [t["trade_time"] for t in part],
            }
            empty: list[None] = [None] * len(part)
            arrays = [pa.array(columns.get(f.name, empty), f.type) for f in BRONZE_TRADES.schema]
            table = pa.table(arrays, schema=BRONZE_TRADES.schema)
            parts += lake.write_part(
                BRONZE_TRADES, symbol, DAY, table, source=source, origin="test", version=source * 4
            )
        lake.publish_manifest(BRONZE_TRADES, symbol, DAY, Manifest(parts=tuple(parts)))


def expected(trades: list[dict[str, Any]]) -> pa.Table:
    return trade_facts(pa.Table.from_pylist(trades, schema=TRADES))


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few trades a task that the day is read in several."""
    monkeypatch.setattr(extract, "TASK_TRADES", 200)


@pytest.mark.usefixtures("small_tasks")
def test_postgres_and_lake_give_the_same_facts_as_the_trades_themselves(
    spark: SparkSession, database: str, tmp_path: Path
) -> None:
    trades = trades_of_a_day()
    next_day = trade_row(10**6, at=START + timedelta(days=1))
    another = trade_row(1, at=START, exchange="binance")
    put(database, [*map(row_of, trades), next_day, another])
    put_in_lake(Lake(str(tmp_path)), trades)

    from_postgres = facts_from_postgres(lambda: spark, database, exchange=EXCHANGE, day=DAY)
    from_lake = facts_from_lake(lambda: spark, str(tmp_path), symbols=SYMBOLS, day=DAY)

    assert from_postgres.facts.equals(expected(trades))
    assert from_lake.facts.equals(from_postgres.facts)
    assert (from_postgres.trades, from_postgres.tasks, from_lake.tasks) == (1200, 6, 2)


@pytest.mark.usefixtures("small_tasks")
def test_a_day_of_the_lake_is_handed_out_some_whole_minutes_at_a_time(tmp_path: Path) -> None:
    trades = trades_of_a_day()
    put_in_lake(Lake(str(tmp_path)), trades)
    pieces = list(read_lake_trades(Lake(str(tmp_path)), "BTCUSDT", DAY))
    assert len(pieces) > 2
    assert max(piece.num_rows for piece in pieces) < 400
    own = [trade for trade in trades if trade["symbol"] == "BTCUSDT"]
    assert pa.concat_tables(map(trade_facts, pieces)).combine_chunks().equals(expected(own))
    assert [piece.num_rows for piece in read_lake_trades(Lake(str(tmp_path)), "BNBUSDT", DAY)] == [0]


def test_a_day_without_trades_has_no_facts_and_starts_no_spark(database: str, tmp_path: Path) -> None:
    def no_spark() -> SparkSession:
        raise AssertionError("Spark was asked for")

    for found in (
        facts_from_postgres(no_spark, database, exchange=EXCHANGE, day=DAY),
        facts_from_lake(no_spark, str(tmp_path), symbols=SYMBOLS, day=DAY),
    ):
        assert found.facts.equals(FACT_TRADES.schema.empty_table())
        assert found.trades == 0


@pytest.mark.usefixtures("small_tasks")
def test_trades_that_arrive_while_a_day_is_read_are_in_none_of_its_minutes(
    spark: SparkSession, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trades = trades_of_a_day(count=300)
    put(database, list(map(row_of, trades)))
    late = [trade_row(10**6 + n, at=START + timedelta(minutes=n), price="1") for n in range(1440)]

    def arrive() -> SparkSession:  # the plan is made, nothing is read yet
        put(database, late)
        return spark

    read = facts_from_postgres(arrive, database, exchange=EXCHANGE, day=DAY)
    assert read.facts.equals(expected(trades))
    again = facts_from_postgres(lambda: spark, database, exchange=EXCHANGE, day=DAY)
    assert again.trades == read.trades + 1440
    assert min(again.facts["min_price"].to_pylist()) == 1


@pytest.mark.usefixtures("small_tasks")
def test_a_connection_that_is_cut_in_the_middle_is_tried_again(spark: SparkSession, database: str) -> None:
    trades = trades_of_a_day()
    put(database, list(map(row_of, trades)))
    cuts: list[int] = []

    def cut_once() -> SparkSession:
        if not cuts:
            cuts.append(end_others(database))
        return spark

    assert facts_from_postgres(cut_once, database, exchange=EXCHANGE, day=DAY).facts.equals(expected(trades))
    assert cuts == [1]  # the transaction that held the state was open, and was ended


def test_a_connection_that_is_always_cut_ends_in_a_sentence(spark: SparkSession, database: str) -> None:
    put(database, [trade_row(1, at=START)])

    def cut() -> SparkSession:
        end_others(database)
        return spark

    with pytest.raises(ServiceUnavailable) as failed:
        facts_from_postgres(cut, database, exchange=EXCHANGE, day=DAY)
    assert str(failed.value).startswith("The trades of 2024-08-08 could not be read from PostgreSQL at 127.0.0.1:")
    assert "3 times the connection was cut" in str(failed.value)
    assert failed.value.retryable


def end_others(url: str) -> int:
    """End every other session of the database, as a server that goes down does; how many there were."""
    with closing(connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        ((count,),) = cursor.fetchall()
        return count


def test_the_password_is_in_no_plan_and_in_no_error(spark: SparkSession, database: str) -> None:
    put(database, [trade_row(1, at=START)])
    options = jdbc_options(database)
    assert options["password"] not in options["url"]
    read = spark.read.format("jdbc").options(**options, dbtable="public.trades").load()
    plans = io.StringIO()
    with redirect_stdout(plans):
        read.explain(extended=True)
    assert "JDBCRelation" in plans.getvalue()
    assert options["password"] not in plans.getvalue()
    wrong = {**options, "url": options["url"].replace("test_", "no_such_")}
    with pytest.raises(Exception, match="Couldn't connect") as failed:  # whatever class Spark has for it
        spark.read.format("jdbc").options(**wrong, dbtable="public.trades").load()
    assert options["password"] not in str(failed.value)


def test_a_task_has_about_as_many_trades_as_any_other_and_whole_minutes() -> None:
    held = [
        HeldTrades(DAY, symbol, trades, START, START, START)
        for symbol, trades in (("BTCUSDT", 600_000), ("ETHUSDT", 1))
    ]
    assert plan_predicates(held, DAY) == [
        "symbol = 'BTCUSDT' AND trade_time >= TIMESTAMPTZ '2024-08-08T00:00:00+00:00' "
        "AND trade_time < TIMESTAMPTZ '2024-08-08T12:00:00+00:00'",
        "symbol = 'BTCUSDT' AND trade_time >= TIMESTAMPTZ '2024-08-08T12:00:00+00:00' "
        "AND trade_time < TIMESTAMPTZ '2024-08-09T00:00:00+00:00'",
        "symbol = 'ETHUSDT' AND trade_time >= TIMESTAMPTZ '2024-08-08T00:00:00+00:00' "
        "AND trade_time < TIMESTAMPTZ '2024-08-09T00:00:00+00:00'",
    ]
