"""COPY of Parquet from S3 as a client sees it: what is loaded, what is refused, and what is told of both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg2
import pyarrow as pa
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets_tests.resources.services.standin.conftest import PARQUET, Bucket, execute

MINUTE = datetime(2025, 9, 10, 0, 1)
TABLE = """
CREATE TABLE facts (
    symbol VARCHAR(16) NOT NULL ENCODE zstd,
    trade_minute TIMESTAMP NOT NULL,
    price DECIMAL(28, 8) NOT NULL,
    vwap DECIMAL(38, 18),
    trades BIGINT,
    PRIMARY KEY (symbol, trade_minute)
) DISTSTYLE KEY DISTKEY (symbol) COMPOUND SORTKEY (trade_minute, symbol)
"""
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("trade_minute", pa.timestamp("us")),
        ("price", pa.decimal128(28, 8)),
        ("vwap", pa.decimal128(38, 18)),
        ("trades", pa.int64()),
    ]
)
ROWS = [
    ("BTCUSDT", MINUTE, Decimal("61000.12000000"), Decimal("61000.123456789012345678"), 7),
    ("ETHUSDT", MINUTE + timedelta(minutes=1), Decimal("0.00000001"), None, None),
]


def facts(rows: list[tuple[object, ...]] = ROWS, schema: pa.Schema = SCHEMA) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


@pytest.fixture
def table(connection: Connection) -> Connection:
    """A connection that sees the empty table facts."""
    execute(connection, TABLE)
    connection.commit()
    return connection


def test_rows_arrive_to_the_last_digit(table: Connection, files: Bucket) -> None:
    files.put_table("day/part-0.parquet", facts())
    execute(table, f"COPY facts FROM '{files.uri('day/')}' {PARQUET}")
    assert execute(table, "SELECT * FROM facts ORDER BY symbol") == ROWS
    assert execute(table, "SELECT pg_last_copy_count()") == [(2,)]
