"""The ledger of alerts: one for each cause, with a notice when it begins and one when it ends.

What is told is decided here, however often and however fast a cause is looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta

from crypto_assets.alerts.alert import Alert, Cause, Judged, Kind, worst_first
from crypto_assets.alerts.store import Store, ledger_file, moment, us_of
from crypto_assets.config import Settings
from crypto_assets.spans import MICROSECOND, from_us, to_us

FIRST_CLEAR, LONGEST_CLEAR = timedelta(minutes=1), timedelta(hours=1)
RETURNS_COUNTED = timedelta(days=1)
"""A cause that comes back within this time of its end is called resolved only after twice the time of before: 1, 2, 4 …
60 minutes. However it flaps, a day brings no more than some dozens of messages about it."""
KEPT = timedelta(days=90)


class Ledger:
    """What was seen and what is to be told; all methods raise AlertsError where the file cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, judged: Judged, *, channels: Sequence[str], now: datetime) -> None:
        """Take note of a look at everything: notices of what began and what ended are made for these channels.

        All of it, or, after an end in the middle, nothing.
        """
        standing = {cause.key: cause for cause in judged.causes}
        with self._store.changing() as connection:
            open_ones = {
                row["key"]: row for row in connection.execute("SELECT * FROM alerts WHERE resolved_us IS NULL")
            }
            for cause in worst_first(standing.values()):
                self._see(connection, cause, open_ones.get(cause.key), channels=channels, now=now)
            for key, row in open_ones.items():
                if key not in standing and judged.covers(key):
                    self._miss(connection, row, now=now)
            connection.execute("DELETE FROM alerts WHERE resolved_us < ?", (to_us(now - KEPT),))
            connection.execute("DELETE FROM starts WHERE started_us < ?", (to_us(now - KEPT),))

    def alerts(self, *, since: datetime | None = None) -> list[Alert]:
        """Alerts that last, and those that ended at `since` or later (all by default), the newest first."""
        rows = self._store.rows(
            "SELECT * FROM alerts WHERE resolved_us IS NULL OR resolved_us >= ? ORDER BY first_us DESC, number DESC",
            0 if since is None else to_us(since),
        )
        return [alert_of(row) for row in rows]

    def remember_starts(
        self, starts: Mapping[str, Iterable[tuple[str, datetime]]], *, since: datetime
    ) -> dict[str, int]:
        """Take note of starts: identity and moment, by what was started.

        Returns how many different ones came at `since` or later, by what was started.
        """
        with self._store.changing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO starts (subject, identity, started_us) VALUES (?, ?, ?)",
                [(subject, name, to_us(at)) for subject, found in starts.items() for name, at in found],
            )
        rows = self._store.rows(
            "SELECT subject, COUNT(*) AS count FROM starts WHERE started_us >= ? GROUP BY subject", to_us(since)
        )
        return {row["subject"]: row["count"] for row in rows}

    def is_due(self, name: str, *, every: timedelta, now: datetime) -> bool:
        """Whether a look of this name was noted down longer ago than `every`, in the future, or never."""
        (row,) = self._store.rows("SELECT MAX(at_us) AS at_us FROM looks WHERE name = ?", name)
        at = moment(row["at_us"])
        return at is None or not timedelta() <= now - at < every

    def note_look(self, name: str, *, now: datetime) -> None:
        """Note down that there was a look of this name."""
        with self._store.changing() as connection:
            connection.execute("INSERT OR REPLACE INTO looks (name, at_us) VALUES (?, ?)", (name, to_us(now)))

    def _see(
        self,
        connection: sqlite3.Connection,
        cause: Cause,
        row: sqlite3.Row | None,
        *,
        channels: Sequence[str],
        now: datetime,
    ) -> None:
        words = (cause.subject, cause.sentence, cause.advice, cause.severity, cause.link)
        limits = (us_of_span(cause.tell_after), us_of_span(cause.clear_after), us_of(cause.watched_until))
        if row is None:
            first = min(cause.since or now, now)
            number = connection.execute(
                "INSERT INTO alerts (key, rule, first_us, seen_us, last_us, count, returns, subject, sentence, advice, "
                "severity, link, tell_after_us, clear_after_us, watched_until_us) "
                "VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(cause.key, cause.rule, to_us(first), to_us(now), to_us(now)),
                    *(_returns(connection, cause.key, now=now), *words, *limits),
                ),
            ).lastrowid
            seen_us, told_us = to_us(now), None
        else:
            number, seen_us, told_us = row["number"], row["seen_us"], row["told_us"]
            connection.execute(
                "UPDATE alerts SET last_us = ?, count = count + 1, gone_us = NULL, subject = ?, sentence = ?, "
                "advice = ?, severity = ?, link = ?, tell_after_us = ?, clear_after_us = ?, watched_until_us = ? "
                "WHERE number = ?",
                (to_us(now), *words, *limits, number),
            )
        if told_us is None and to_us(now) - seen_us >= us_of_span(cause.tell_after):
            connection.execute("UPDATE alerts SET told_us = ? WHERE number = ?", (to_us(now), number))
            _announce(connection, number, "firing", channels=channels, now=now)

    def _miss(self, connection: sqlite3.Connection, row: sqlite3.Row, *, now: datetime) -> None:
        number, now_us = row["number"], to_us(now)
        gone_us = now_us if row["gone_us"] is None else row["gone_us"]
        if now_us - gone_us < _clear_us(row):
            connection.execute("UPDATE alerts SET gone_us = ? WHERE number = ?", (gone_us, number))
            return
        if row["told_us"] is None:
            connection.execute("DELETE FROM alerts WHERE number = ?", (number,))
            return
        until = row["watched_until_us"]
        ending: Kind = "left" if until is not None and gone_us >= until else "resolved"
        connection.execute(
            "UPDATE alerts SET gone_us = ?, resolved_us = ?, ending = ? WHERE number = ?",
            (gone_us, gone_us, ending, number),
        )
        told = connection.execute(
            "SELECT DISTINCT d.channel FROM deliveries d JOIN notices n ON n.number = d.notice WHERE n.alert = ?",
            (number,),
        ).fetchall()
        _announce(connection, number, ending, channels=[channel for (channel,) in told], now=now)


def read_alerts(settings: Settings, *, since: datetime | None = None) -> list[Alert]:
    """Alerts that last, and those that ended at `since` or later (all of 90 days by default), the newest first.

    Empty where nothing was ever looked at; it changes nothing. Raises AlertsError where the ledger cannot be read.
    """
    store = Store.open_to_read(ledger_file(settings.data_dir))
    if store is None:
        return []
    with closing(store):
        return Ledger(store).alerts(since=since)


def alert_of(row: sqlite3.Row) -> Alert:
    """The alert of a row of `alerts`."""
    return Alert(
        number=row["number"],
        key=row["key"],
        rule=row["rule"],
        subject=row["subject"],
        sentence=row["sentence"],
        advice=row["advice"],
        severity=row["severity"],
        link=row["link"],
        first_at=from_us(row["first_us"]),
        last_at=from_us(row["last_us"]),
        count=row["count"],
        told_at=moment(row["told_us"]),
        resolved_at=moment(row["resolved_us"]),
        ending=row["ending"],
    )


def us_of_span(span: timedelta) -> int:
    """Microseconds of a span."""
    return span // MICROSECOND


def _returns(connection: sqlite3.Connection, key: str, *, now: datetime) -> int:
    """How often in a row this cause came back soon after its end."""
    last = connection.execute(
        "SELECT returns, resolved_us FROM alerts WHERE key = ? ORDER BY number DESC LIMIT 1", (key,)
    ).fetchone()
    if last is None or to_us(now) - last["resolved_us"] > us_of_span(RETURNS_COUNTED):
        return 0
    return last["returns"] + 1


def _clear_us(row: sqlite3.Row) -> int:
    """How long a cause must be gone, in microseconds."""
    if not row["returns"]:
        return row["clear_after_us"]
    doublings = min(row["returns"], 16)  # far beyond the longest
    longer = max(row["clear_after_us"], us_of_span(FIRST_CLEAR)) * 2 ** (doublings - 1)
    return min(longer, max(us_of_span(LONGEST_CLEAR), row["clear_after_us"]))


def _announce(
    connection: sqlite3.Connection, number: int | None, kind: Kind, *, channels: Sequence[str], now: datetime
) -> None:
    notice = connection.execute(
        "INSERT INTO notices (alert, kind, made_us) VALUES (?, ?, ?)", (number, kind, to_us(now))
    ).lastrowid
    connection.executemany(
        "INSERT INTO deliveries (notice, channel) VALUES (?, ?)", [(notice, channel) for channel in channels]
    )
