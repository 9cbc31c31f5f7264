"""How much Dagster keeps: rows and bytes of events, runs and ticks, in SQLite's files or in PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg2

INDEX = "index.db"
_EVENTS = "SELECT coalesce(dagster_event_type, 'log line'), count(*) FROM event_logs GROUP BY 1 ORDER BY 2 DESC"
_POSTGRES_BYTES = "SELECT relname, pg_total_relation_size(relid) FROM pg_catalog.pg_statio_user_tables"


class EventLog(msgspec.Struct, frozen=True):
    """What a store of Dagster holds."""

    rows: dict[str, int]
    """Events by type, each one once."""
    bytes: int
    """Of everything, indexes included."""
    run_files_bytes: int = 0
    """Of these, the file of each run. PostgreSQL has none."""
    run_files: int = 0

    @property
    def events(self) -> int:
        """All rows."""
        return sum(self.rows.values())


def sqlite_log(home: Path) -> EventLog:
    """Of the default storage in a DAGSTER_HOME: a file for each run, and the events of assets once more in an index."""
    folder = home / "history" / "runs"
    files = [path for path in folder.glob("*.db") if path.name != INDEX]
    rows: dict[str, int] = {}
    for path in files:
        for name, count in _rows(path):
            rows[name] = rows.get(name, 0) + count
    for name, count in _rows(folder / INDEX):
        rows[name] = max(count, rows.get(name, 0))  # an event of no run is in the index only
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file() and ".db" in path.name)
    return EventLog(rows, size, sum(path.stat().st_size for path in files), len(files))


def _rows(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return store.execute(_EVENTS).fetchall()


def postgres_log(url: str) -> EventLog:
    """Of a database that Dagster alone uses; raises psycopg2.Error."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_EVENTS)
        rows = dict(cursor.fetchall())
        cursor.execute(_POSTGRES_BYTES)
        return EventLog(rows, sum(size for _, size in cursor.fetchall()))
