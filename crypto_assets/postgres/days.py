"""Days of the partitioned tables: made when they are needed, read and dropped whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.postgres.tables import FactTable


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
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') FROM pg_inherits "
            "WHERE inhparent = %s::regclass ORDER BY 1",
            (table.name,),
        )
        return [day for (day,) in cursor.fetchall()]


def drop_day(connection: Connection, table: FactTable, day: date) -> None:
    """Drop the partition of a day, and its rows with it, at once and whatever their number; nothing where it is not.

    Waits at most a few seconds for those who read or write the table, then raises psycopg2.errors.LockNotAvailable.
    """
    with connection.cursor() as cursor:
        # everybody queues behind this lock while it waits for a long reader: so it does not wait long
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute(f"DROP TABLE IF EXISTS {table.name}_{day:%Y%m%d}")
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")
