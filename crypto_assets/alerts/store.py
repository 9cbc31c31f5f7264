"""The file of the ledger of alerts: SQLite, which needs no service and is whole after a kill at any moment."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from crypto_assets.errors import AlertsError
from crypto_assets.spans import from_us, to_us

BUSY_S = 10.0
"""How long a reader or writer waits for another one."""
VERSION = 1

_TABLES = """
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    rule TEXT NOT NULL,
    subject TEXT NOT NULL,
    sentence TEXT NOT NULL,
    advice TEXT NOT NULL,
    severity TEXT NOT NULL,
    link TEXT NOT NULL,
    first_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    count INTEGER NOT NULL,
    returns INTEGER NOT NULL,
    tell_after_us INTEGER NOT NULL,
    clear_after_us INTEGER NOT NULL,
    watched_until_us INTEGER,
    told_us INTEGER,
    gone_us INTEGER,
    resolved_us INTEGER,
    ending TEXT
) STRICT;
CREATE UNIQUE INDEX one_open_alert_of_a_cause ON alerts (key) WHERE resolved_us IS NULL;
CREATE TABLE notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    alert INTEGER NOT NULL REFERENCES alerts (number) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    made_us INTEGER NOT NULL
) STRICT;
CREATE TABLE deliveries (
    notice INTEGER NOT NULL REFERENCES notices (number) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    sent_us INTEGER,
    PRIMARY KEY (channel, notice)
) STRICT, WITHOUT ROWID;
CREATE TABLE channels (
    channel TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    failing_since_us INTEGER,
    next_us INTEGER NOT NULL,
    problem TEXT NOT NULL
) STRICT;
CREATE TABLE starts (
    subject TEXT NOT NULL,
    identity TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    PRIMARY KEY (subject, identity)
) STRICT;
CREATE TABLE looks (
    name TEXT PRIMARY KEY,
    at_us INTEGER NOT NULL
) STRICT;
"""


def ledger_file(data_dir: Path) -> Path:
    """Where the ledger lies."""
    return data_dir / "alerts" / "ledger.sqlite"


class Store:
    """A connection to a ledger's file; all methods raise AlertsError where it cannot be used.

    SQLite keeps it by a rollback journal: unlike a write-ahead log that can be read where nothing may be written, from
    a full disk or a volume mounted read-only, and its few short transactions keep nobody waiting.
    """

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        """Use `open`, `open_to_read` or `in_memory`."""
        self.connection = connection
        self.connection.row_factory = sqlite3.Row
        self._where = where

    @classmethod
    def open(cls, path: Path) -> Store:
        """The ledger of a file, which is made where it does not exist, for this user only."""
        with _explained(str(path), "opened"):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return cls._connected(str(path), str(path))

    @classmethod
    def open_to_read(cls, path: Path) -> Store | None:
        """The ledger of a file, none of which is changed; None where there is none yet."""
        if not path.exists():
            return None
        store = cls._connected(f"{path.resolve().as_uri()}?mode=ro", str(path), prepare=False)
        if store.version:
            return store
        store.close()
        return None

    @classmethod
    def in_memory(cls) -> Store:
        """A ledger that nobody finds again."""
        return cls._connected(":memory:", "in memory")

    @classmethod
    def _connected(cls, database: str, where: str, *, prepare: bool = True) -> Store:
        with _explained(where, "opened"):
            is_uri = database.startswith("file:")
            store = cls(sqlite3.connect(database, timeout=BUSY_S, isolation_level=None, uri=is_uri), where)
        try:
            store._refuse_newer()
            if prepare:
                store._prepare()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def version(self) -> int:
        """Of the tables; 0 where there are none yet."""
        return self.rows("PRAGMA user_version")[0][0]

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def changing(self) -> Generator[sqlite3.Connection]:
        """A transaction: all that is done in it is kept, or nothing."""
        with _explained(self._where, "written"):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: str | int | None) -> list[sqlite3.Row]:
        """The rows of a query."""
        with _explained(self._where, "read"):
            return self.connection.execute(query, values).fetchall()

    def _refuse_newer(self) -> None:
        if self.version > VERSION:
            raise AlertsError(
                f"The ledger of alerts, {self._where}, is of a newer version ({self.version}; this one is {VERSION}). "
                "Update the project, or move the file away: what still lasts is then told anew."
            )

    def _prepare(self) -> None:
        with _explained(self._where, "opened"):
            self.connection.execute("PRAGMA foreign_keys = ON")
        if self.version == 0:
            with self.changing() as connection:
                if self.version == 0:  # another program may have been faster
                    for statement in filter(str.strip, _TABLES.split(";\n")):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _explained(where: str, done: str) -> Generator[None]:
    """Turn what SQLite and the file system raise into a sentence that says what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise AlertsError(
            f"The ledger of alerts, {where}, cannot be {done}: {error}. Until it can, alerts go to the log only. See "
            "that its disk has space and that this user may write there; a damaged file may be deleted: what still "
            "lasts is then told anew."
        ) from error


def moment(us: int | None) -> datetime | None:
    """The moment of a column; None for null."""
    return None if us is None else from_us(us)


def us_of(moment: datetime | None) -> int | None:
    """The column of a moment; null for None."""
    return None if moment is None else to_us(moment)
