"""One state of PostgreSQL for many connections: trades that arrive meanwhile are seen by none of them, or by all."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.postgres.connection import transaction
from crypto_assets.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class HeldTrades:
    """Trades of a symbol's day."""

    day: date
    symbol: str
    trades: int
    first_time: datetime
    last_time: datetime
    last_inserted_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of the database, for as long as the transaction that holds it lives."""

    id: str

    @property
    def join_statement(self) -> str:
        """What a connection executes first to see the same state, and times in UTC."""
        return (
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; "
            f"SET TRANSACTION SNAPSHOT '{self.id}'; "
            "SET TIME ZONE 'UTC'"
        )


@contextmanager
def snapshot(url: str) -> Generator[tuple[Connection, Snapshot]]:
    """Hold the present state of a database until the end of the block; raises ServiceUnavailable."""
    with transaction(url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            ((found,),) = cursor.fetchall()
        yield connection, Snapshot(found)


def read_held_trades(connection: Connection, *, exchange: str, day: date) -> list[HeldTrades]:
    """What `trades` holds of a day, by symbol; none where there are no trades."""
    with connection.cursor() as cursor:
        cursor.execute(statement("select_held_trades"), {"exchange": exchange, "day": day})
        return [HeldTrades(*row) for row in cursor.fetchall()]
