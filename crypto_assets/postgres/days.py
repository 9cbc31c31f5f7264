"""Days of the partitioned tables: made when they are needed, read and dropped whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.postgres.tables import FactTable

LOCK_TIMEOUT = "5s"
"""Everybody queues behind one who waits for the whole table: so nobody waits for it longer than this."""


def ensure_days(connection: Connection, days: Iterable[date]) -> None:
    """Make the partitions of these UTC days, of every table, where they are missing; in the caller's transaction.

    Harmless to repeat and for several at once: whoever comes second waits for the first to commit.
    """
    wanted = sorted(set(days))
    if not wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT ensure_day(day) FROM UNNEST(%s::date[]) AS day", (wanted,))


def days_of(connection: Connection, table: FactTable) -> list[date]:
    """Days that have a partition, ascending, with rows or without."""
    return list(inserts_of_days(connection, table))


def inserts_of_days(connection: Connection, table: FactTable) -> dict[date, int]:
    """Rows ever inserted into each day, ascending, as the server's statistics count them.

    Costs nothing, and tells which days to look at: the number of a day is another one where rows were added. It lags by
    a second or so, counts what was rolled back, and begins anew after a crash.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(relname, 8), 'YYYYMMDD'), pg_stat_get_tuples_inserted(oid) "
            "FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = %s::regclass ORDER BY relname",
            (table.name,),
        )
        return dict(cursor.fetchall())


def wait_for_writers(connection: Connection, table: FactTable) -> None:
    """Have the table alone until the transaction ends; raises psycopg2.errors.LockNotAvailable after LOCK_TIMEOUT."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", (LOCK_TIMEOUT,))
        # the parent first, as an INSERT takes them: the other order is a deadlock
        cursor.execute(f"LOCK TABLE ONLY {table.name} IN ACCESS EXCLUSIVE MODE")


def drop_day(connection: Connection, table: FactTable, day: date) -> None:
    """Drop the partition of a day, and its rows with it, at once and whatever their number; nothing where it is not.

    Waits for others as `wait_for_writers` does.
    """
    wait_for_writers(connection, table)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table.name}_{day:%Y%m%d}")
