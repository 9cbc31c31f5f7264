"""Facts of a day from its trades, by Spark: read in parallel, aggregated where they were read, nothing shuffled.

Each Spark partition holds whole minutes of one symbol, as few as make it small, and gives their facts: so memory is
bounded by a partition's trades, and only facts travel to the driver.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import tenacity
from psycopg2.extensions import parse_dsn

from crypto_assets.errors import CryptoAssetsError, ServiceUnavailable, WarehouseError
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.connection import server_of
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets.spark.failures import failure_of_spark
from crypto_assets.warehouse.ddl import literal
from crypto_assets.warehouse.extract_plan import plan_extract
from crypto_assets.warehouse.facts import trade_facts
from crypto_assets.warehouse.snapshot import HeldTrades, Snapshot, read_held_trades, snapshot
from crypto_assets.warehouse.tables import FACT_TRADES, TRADES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FETCHED_ROWS = 20_000
"""Rows that a connection holds at once; PostgreSQL's driver would hold all of a partition."""
TASK_TRADES = 250_000
"""About so many trades are one Spark partition: some 40 MB of a Python worker."""
TLS_PARAMETERS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
"""What libpq and the driver of Java call alike. A key for Java is PKCS#8 in DER."""
ATTEMPTS = 3
"""Times that a day is read, each in a state of its own, where the connection was cut in between."""


@dataclass(frozen=True, slots=True)
class DayFacts:
    """A day as its source holds it now."""

    facts: pa.Table
    """Schema FACT_TRADES, ordered by symbol and minute."""
    trades: int
    """Rows of the source, copies of a trade counted each."""
    tasks: int


def facts_from_postgres(spark: Callable[[], SparkSession], url: str, *, exchange: str, day: date) -> DayFacts:
    """Facts of all symbols of an exchange's day in `trades`.

    All connections read one state of the database. A day without trades has none, and asks no Spark of `spark`. Where
    a connection is cut, or Spark loses a process, the day is read again from the beginning. After ATTEMPTS raises
    ServiceUnavailable (retryable) without a connection, WarehouseError where Spark fails, with what to change.
    """

    def read() -> DayFacts:
        with snapshot(url) as (connection, state):
            held = read_held_trades(connection, exchange=exchange, day=day)
            if not held:
                return DayFacts(FACT_TRADES.schema.empty_table(), 0, 0)
            predicates = plan_predicates(held, day)
            facts = _read_trades(spark(), url, exchange=exchange, day=day, predicates=predicates, state=state)
            return DayFacts(_collected(facts, day), sum(h.trades for h in held), len(predicates))

    try:
        return _read_again(read, _ProcessLost, *_CUT)
    except _CUT as error:
        raise ServiceUnavailable(
            f"The trades of {day} could not be read from PostgreSQL at {server_of(url)}: {ATTEMPTS} times the "
            f"connection was cut ({_first_line(error)}). Facts of the day stay as they were. See that the server stays "
            "up, then materialise fact_trades of the day again."
        ) from None


def facts_from_lake(spark: Callable[[], SparkSession], uri: str, *, symbols: Sequence[str], day: date) -> DayFacts:
    """The same from `bronze_trades` of the lake, a task each symbol.

    Where Spark loses a process, the day is read again. Raises WarehouseError where it fails, or does so ATTEMPTS times.
    """
    lake = Lake(uri)
    held = {symbol: lake.manifest(BRONZE_TRADES, symbol, day) for symbol in symbols}
    rows = {symbol: manifest.rows for symbol, manifest in held.items() if manifest is not None and manifest.rows}
    if not rows:
        return DayFacts(FACT_TRADES.schema.empty_table(), 0, 0)

    def facts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for symbol in batch.column("symbol").to_pylist():
                for trades in read_lake_trades(Lake(uri), symbol, day):
                    yield from trade_facts(trades).to_batches()

    def read() -> DayFacts:
        symbol_rows = spark().createDataFrame([(symbol,) for symbol in rows], "symbol string")
        tasks = symbol_rows.repartition(len(rows), "symbol")
        return DayFacts(_collected(tasks.mapInArrow(facts, _spark_schema()), day), sum(rows.values()), len(rows))

    return _read_again(read, _ProcessLost)


def read_lake_trades(lake: Lake, symbol: str, day: date) -> Iterator[pa.Table]:
    """Trades of a symbol's day in the lake, with the columns that PostgreSQL gives, some whole minutes at a time.

    The day is in memory once, at 49 bytes a trade, because files of the lake are read whole; what facts need beside
    that is needed for about TASK_TRADES at a time. Measured beside what Python itself takes: 250 MB for a million
    trades in one file, 470 MB for four million.
    """
    columns = ["trade_id", "time", "price", "quantity", "is_buyer_maker"]
    held = lake.read_days(BRONZE_TRADES, symbol, [day], columns=columns)
    for span in plan_extract(day, [symbol], math.ceil(held.num_rows / TASK_TRADES)):
        time = pc.field("time")
        within = (time >= pa.scalar(span.start)) & (time < pa.scalar(span.end))
        trades = held.filter(within).rename_columns(["trade_id", "trade_time", "price", "quantity", "is_buyer_maker"])
        named = trades.add_column(0, "symbol", pa.repeat(pa.scalar(symbol), trades.num_rows))
        yield named.select(TRADES.names).cast(TRADES)


def plan_predicates(held: Sequence[HeldTrades], day: date) -> list[str]:
    """Conditions of SQL, one for each Spark partition: together they find each trade of the day once."""
    trades = {h.symbol: h.trades for h in held}
    spans = plan_extract(day, list(trades), math.ceil(sum(trades.values()) / TASK_TRADES), trades=trades)
    return [
        f"symbol = {literal(span.symbol)} AND trade_time >= TIMESTAMPTZ '{span.start.isoformat()}' "
        f"AND trade_time < TIMESTAMPTZ '{span.end.isoformat()}'"
        for span in spans
    ]


def jdbc_options(url: str) -> dict[str, str]:
    """Options of Spark's JDBC source for a URL of PostgreSQL, with what it says of TLS. The password is one of its own,
    which Spark never shows: a URL it prints in plans and errors."""
    parts = parse_dsn(url)
    place = f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', parts.get('user', ''))}"
    tls = {name: parts[name] for name in TLS_PARAMETERS if name in parts}
    return {
        "url": f"jdbc:postgresql://{place}?{urlencode({'ApplicationName': 'crypto_assets', **tls})}",
        "driver": "org.postgresql.Driver",
        "fetchsize": str(FETCHED_ROWS),
        **{name: parts[name] for name in ("user", "password") if name in parts},
    }


def _read_trades(
    session: SparkSession, url: str, *, exchange: str, day: date, predicates: list[str], state: Snapshot
) -> DataFrame:
    """Facts of a day, lazily: a Spark partition for each predicate."""
    query = (
        f"(SELECT {', '.join(TRADES.names)} FROM public.trades "
        f"WHERE day = DATE '{day}' AND exchange = {literal(exchange)}) AS trades"
    )
    options = jdbc_options(url)
    address = options.pop("url")
    properties = {**options, "sessionInitStatement": state.join_statement}
    trades = session.read.jdbc(address, query, predicates=predicates, properties=properties)
    return trades.mapInArrow(facts_of_partition, _spark_schema())


def facts_of_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What a task does in a Python process of Spark: facts of the trades of its Spark partition."""
    held = list(batches)
    if held:
        yield from trade_facts(pa.Table.from_batches(held).cast(TRADES)).to_batches()


def _spark_schema() -> str:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(FACT_TRADES.schema, prefer_timestamp_ntz=True).simpleString().removeprefix("struct")[1:-1]


def _collected(facts: DataFrame, day: date) -> pa.Table:
    """The facts on the driver, ordered; raises _ConnectionCut, or WarehouseError (_ProcessLost) with what failed."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        table = facts.toArrow()
    except (Py4JError, PySparkException, OSError, EOFError, UnboundLocalError) as error:
        # The last is what pyspark 4.2 stumbles over when Java ends between a job and its answer.
        said = str(error)
        if any(sign in said for sign in CUT_SIGNS):
            raise _ConnectionCut(_reason(said)) from None
        failure = failure_of_spark(error)
        sentence = failure.sentence if failure.of_spark else f"{_reason(said)}."
        told = f"The facts of {day} could not be made: {sentence} What was there stays."
        if failure.of_spark:
            raise _ProcessLost(told) from error
        raise WarehouseError(told) from error
    return table.cast(FACT_TRADES.schema).sort_by([("symbol", "ascending"), ("trade_minute", "ascending")])


CUT_SIGNS = (
    "FAILED_JDBC.CONNECTION",
    "PSQLException: An I/O error",
    "PSQLException: This connection has been closed",
    "PSQLException: Connection to",
    "PSQLException: FATAL",
    "PSQLException: ERROR: invalid snapshot identifier",
    "PSQLException: ERROR: could not import the requested snapshot",
)
"""How the driver says that the server, the connection or the transaction that holds the state is gone."""


class _ConnectionCut(Exception):
    """A task of Spark lost PostgreSQL."""


class _ProcessLost(WarehouseError):
    """A process of Spark ended, or had too little memory."""


_CUT = (_ConnectionCut, ServiceUnavailable, psycopg2.InterfaceError)


def _read_again(read: Callable[[], DayFacts], *lost: type[Exception]) -> DayFacts:
    """What `read` gives, called anew where it raises one of these, ATTEMPTS times in all."""
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(lost), stop=tenacity.stop_after_attempt(ATTEMPTS), reraise=True
    )
    return again(read)


def _reason(said: str) -> str:
    """The line of a stack that names the cause: our own sentence, or the first of Java's."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    ours = [line.partition(": ")[2] for line in lines if line.startswith(f"{CryptoAssetsError.__module__}.")]
    causes = [line for line in lines if "Exception: " in line and "SparkException" not in line]
    chosen = (ours or causes or lines or ["Spark said nothing"])[0]
    return chosen.rpartition("Exception: ")[2][:400].rstrip(".")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
