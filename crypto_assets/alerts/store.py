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
    """A connection to the ledger's file, which is made where it does not exist, for this user only.

    Raises AlertsError where it cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        """Without a path it is a ledger that nobody finds again."""
        self._where = "in memory" if path is None else str(path)
        with self.explained("opened"):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self.connection = sqlite3.connect(path or ":memory:", timeout=BUSY_S, isolation_level=None)
        try:
            self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def changing(self) -> Generator[sqlite3.Connection]:
        """A transaction: all that is done in it is kept, or nothing."""
        with self.explained("written"):
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
        with self.explained("read"):
            return self.connection.execute(query, values).fetchall()

    @contextmanager
    def explained(self, done: str) -> Generator[None]:
        """Turn what SQLite and the file system raise into a sentence that says what to do."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise AlertsError(
                f"The ledger of alerts, {self._where}, cannot be {done}: {error}. Until it can, alerts go to the log "
                "only. See that its disk has space and that this user may write there; a damaged file may be deleted: "
                "what still lasts is then told anew."
            ) from error

    def _prepare(self) -> None:
        self.connection.row_factory = sqlite3.Row
        with self.explained("opened"):
            self.connection.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
            self.connection.execute("PRAGMA foreign_keys = ON")
        found = self._version()
        if found > VERSION:
            raise AlertsError(
                f"The ledger of alerts, {self._where}, is of a newer version ({found}; this one is {VERSION}). Update "
                "the project, or move the file away: what still lasts is then told anew."
            )
        if found == 0:
            with self.changing() as connection:
                if self._version() == 0:  # another program may have been faster
                    for statement in filter(str.strip, _TABLES.split(";\n")):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        return self.rows("PRAGMA user_version")[0][0]


def moment(us: int | None) -> datetime | None:
    """The moment of a column; None for null."""
    return None if us is None else from_us(us)


def us_of(moment: datetime | None) -> int | None:
    """The column of a moment; null for None."""
    return None if moment is None else to_us(moment)
