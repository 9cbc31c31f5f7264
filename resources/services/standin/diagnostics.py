"""Rows by which loads are told of, written on a connection of their own: a load that is undone leaves them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  the class has a function's name

from resources.services.standin.database import SCHEMA
from resources.services.standin.refusals import Explanation

CONNECT_S = 10
USER_ID = 100
"""Of the first user that is not the system's own, in Redshift."""


@dataclass(frozen=True, slots=True)
class Load:
    """A COPY under way."""

    query: int
    session: int
    table: str


class Diagnostics:
    """stl_load_errors and stl_load_commits of the stand-in; methods raise psycopg2.Error."""

    def __init__(self, url: str) -> None:
        self._url = url

    def next_query(self) -> int:
        """A number for a COPY that no other has had."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT nextval('{SCHEMA}.query')")
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])

    def write_error(self, load: Load, why: Explanation) -> None:
        """Keep why a load failed."""
        columns = "userid, session, query, tbl, filename, line_number, colname, type, err_code, err_reason"
        row = (USER_ID, load.session, load.query, load.table)
        row += (why.filename, why.line, why.column, why.type, why.code, why.reason)
        self._insert("stl_load_errors", columns, [row])

    def write_commits(self, load: Load, rows: Mapping[str, int]) -> None:
        """Keep how many rows were loaded from each file."""
        columns = "userid, session, query, tbl, filename, lines_scanned"
        values = [(USER_ID, load.session, load.query, load.table, file, count) for file, count in rows.items()]
        self._insert("stl_load_commits", columns, values)

    def _insert(self, table: str, columns: str, rows: Sequence[tuple[object, ...]]) -> None:
        places = ", ".join(["%s"] * (columns.count(",") + 1))
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {SCHEMA}.{table} ({columns}) VALUES ({places})", rows)

    @contextmanager
    def _connect(self) -> Generator[Connection]:
        """A transaction of its own, committed at the end of the block."""
        with closing(psycopg2.connect(self._url, connect_timeout=CONNECT_S)) as connection, connection:
            yield connection
