"""Rows into a table of facts, thousands in one go: COPY into a temporary table, then one INSERT of what is new."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from crypto_assets.postgres.days import ensure_days
from crypto_assets.postgres.tables import FactTable

type Value = str | int | bool | Decimal | datetime | None

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
"""What COPY's text format gives a meaning of its own."""


def upsert_rows(connection: Connection, table: FactTable, rows: Iterable[Sequence[Value]]) -> int:
    """How many of the rows were new; those whose key is there stay as they are, and so do copies within `rows`.

    A row has the values of `table.columns`, in their order. Missing partitions are made. All happens in the caller's
    transaction: nothing is kept before it commits, and nothing after it rolls back. Raises ValueError for a datetime
    without a zone, TypeError for a value of another type such as float, psycopg2.Error as it comes.
    """
    text = "\n".join(map(_line, rows))
    if not text:
        return 0
    columns = ", ".join(table.columns)
    incoming = "pg_temp.incoming_" + table.name.rpartition(".")[2]
    with connection.cursor() as cursor:
        # kept for the session, because a table made anew for each batch bloats the catalogue; emptied by each commit
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {incoming.removeprefix('pg_temp.')} ON COMMIT DELETE ROWS "
            f"AS SELECT {columns} FROM {table.name} WITH NO DATA"
        )
        cursor.execute(f"DELETE FROM {incoming}")
        cursor.copy_expert(f"COPY {incoming} ({columns}) FROM STDIN", io.StringIO(text))
        ensure_days(connection, _days(cursor, incoming, table))
        cursor.execute(
            f"INSERT INTO {table.name} (day, {columns}) "
            f"SELECT ({table.time_column} AT TIME ZONE 'UTC')::date, {columns} FROM {incoming} "
            f"ORDER BY {', '.join(table.key)} "  # two writers at once lock in one order
            "ON CONFLICT DO NOTHING"
        )
        return cursor.rowcount


def _days(cursor: Cursor, incoming: str, table: FactTable) -> list[date]:
    cursor.execute(f"SELECT DISTINCT ({table.time_column} AT TIME ZONE 'UTC')::date FROM {incoming}")
    return [day for (day,) in cursor.fetchall()]


def _line(row: Sequence[Value]) -> str:
    try:
        return "\t".join([_TEXT[type(value)](value) for value in row])
    except KeyError as error:
        raise TypeError(f"a value of {row} is a {error.args[0].__name__}, which is not exact or not a value") from None


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value} has no zone: give times as aware datetimes")
    return value.isoformat()


_TEXT: dict[type, Callable[..., str]] = {
    str: lambda value: value.translate(_ESCAPES),
    int: str,
    bool: str,
    Decimal: str,
    datetime: _moment,
    type(None): lambda _: r"\N",
}
"""How a value is written; a float has no entry, for it is not exact."""
