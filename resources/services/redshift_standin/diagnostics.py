"""Rows by which loads are told of, written on a connection of their own: a load that is undone leaves them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  psycopg2 names the class in lower case

from resources.services.redshift_standin.database import SCHEMA
from resources.services.redshift_standin.refusals import Explanation

CONNECT_S = 10
USER_ID = 100
"""Of the first user that is not the system's own, in Redshift."""


@dataclass(frozen=True, slots=True)
class Load:
    """A COPY under way."""

    query: int
    """Number that no other COPY has had; `pg_last_copy_id()` of the session from now on."""
    session: int
    table: str


class Diagnostics:
    """What the stand-in remembers of COPYs, and its stl_load_errors; methods raise psycopg2.Error."""

    def __init__(self, url: str) -> None:
        self._url = url

    def begin_load(self, table: str, *, session: int) -> Load:
        """Give the next COPY of a session its number; `session` is the process of PostgreSQL that serves it."""
        with self._cursor() as cursor:
            cursor.execute(f"INSERT INTO {SCHEMA}.copies (session) VALUES (%s) RETURNING query", (session,))
            ((number,),) = cursor.fetchall()
        return Load(number, session, table)

    def write_error(self, load: Load, why: Explanation) -> None:
        """Keep why a load failed."""
        row = {
            **{"userid": USER_ID, "session": load.session, "query": load.query, "tbl": load.table},
            **{"filename": why.filename, "line_number": why.line, "colname": why.column, "type": why.type},
            **{"err_code": why.code, "err_reason": why.reason},
        }
        places = ", ".join(f"%({name})s" for name in row)
        with self._cursor() as cursor:
            cursor.execute(f"INSERT INTO {SCHEMA}.stl_load_errors ({', '.join(row)}) VALUES ({places})", row)

    @contextmanager
    def _cursor(self) -> Generator[Cursor]:
        """In a transaction of its own, committed at the end of the block."""
        with (
            closing(psycopg2.connect(self._url, connect_timeout=CONNECT_S)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            yield cursor
