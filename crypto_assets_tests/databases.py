"""A database of each test's own on the session's PostgreSQL, and rows to put into it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.config import Settings
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.migrate import migrate
from crypto_assets.postgres.rows import Value
from resources.services.folder import ServiceFolder

EXCHANGE = "simulator-7"
DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def empty_database(postgres: str, live_settings: Settings) -> Iterator[str]:
    """URL of a database without a schema, owned by the role that the platform has, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    parts = urlsplit(postgres)
    password = ServiceFolder.of(live_settings.data_dir, "postgres").secret("superuser")
    admin = parts._replace(netloc=f"postgres:{password}@{parts.hostname}:{parts.port}", path="/postgres").geturl()
    run_on(admin, f"CREATE DATABASE {name} OWNER {parts.username}")
    yield parts._replace(path=f"/{name}").geturl()
    run_on(admin, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(empty_database: str) -> str:
    """URL of a database with the schema of this version."""
    migrate(empty_database)
    return empty_database


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection to `database`."""
    opened = connect(database)
    yield opened
    opened.close()


def run_on(url: str, statement: str) -> None:
    """Execute a statement outside of a transaction."""
    with closing(connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


def fetch(connection: Connection, query: str, *values: object) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)  # None: a % in it is itself
        return cursor.fetchall()


def price_row(
    price: str, *, at: datetime = DAY, offset: int = 0, symbol: str = "BTCUSDT", exchange: str = EXCHANGE
) -> tuple[Value, ...]:
    """A row of staging.raw_prices."""
    return (exchange, symbol, at, price, None, None, 0, offset, at)


def trade_row(
    trade_id: int, *, at: datetime = DAY, price: str = "60000.12", symbol: str = "BTCUSDT", exchange: str = EXCHANGE
) -> tuple[Value, ...]:
    """A row of trades."""
    return (exchange, symbol, trade_id, at, price, "0.5", True, "live", at + timedelta(milliseconds=30))
