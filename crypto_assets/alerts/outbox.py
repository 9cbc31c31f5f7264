"""What each channel has not been told yet, and when it is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crypto_assets.alerts.alert import Kind, Notice
from crypto_assets.alerts.ledger import alert_of
from crypto_assets.alerts.store import Store, moment
from crypto_assets.spans import from_us, to_us

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
LONGEST_ASKED = timedelta(hours=1)
"""A server that asks for a longer pause is tried again nevertheless."""
AT_EASE = 6
"""Messages of an hour after which the next ones wait, and are told together."""
APART = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How the deliveries of a channel go."""

    name: str
    failures: int = 0
    """Tries in a row that came to nothing."""
    failing_since: datetime | None = None
    next_at: datetime | None = None
    problem: str = ""
    waiting: int = 0
    """Notices that it has not been told."""


class Outbox:
    """Notices by channel, in the order in which they were made; a delivery is noted down only after it was made.

    Killed between the two, it is made again: a message comes at least once. All methods raise AlertsError.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def waiting(self, channel: str) -> list[Notice]:
        """Notices that a channel has not been told, the oldest first; the beginning and the end of one alert are one
        notice, numbered like the later of them."""
        rows = self._store.rows(
            "SELECT n.number AS notice, n.kind AS kind, a.* FROM deliveries d JOIN notices n ON n.number = d.notice "
            "JOIN alerts a ON a.number = n.alert WHERE d.channel = ? AND d.sent_us IS NULL ORDER BY n.number",
            channel,
        )
        kinds: dict[int, tuple[Kind, ...]] = {}
        found: dict[int, Notice] = {}
        for row in rows:
            alert = alert_of(row)
            kinds[alert.number] = (*kinds.get(alert.number, ()), row["kind"])
            found[alert.number] = Notice(row["notice"], alert, kinds[alert.number])
        return list(found.values())

    def is_due(self, channel: str, *, is_limited: bool, now: datetime) -> bool:
        """Whether a channel may be tried: its pause is over, and where it is limited it was not told much just now."""
        state = self.channel(channel)
        if state.next_at is not None and now < state.next_at:
            return False
        if not is_limited:
            return True
        sent = self._store.rows(
            "SELECT DISTINCT sent_us FROM deliveries WHERE channel = ? AND sent_us > ? ORDER BY sent_us DESC",
            channel,
            to_us(now - timedelta(hours=1)),
        )
        return len(sent) < AT_EASE or now - from_us(sent[0]["sent_us"]) >= APART

    def sent(self, channel: str, *, up_to: int, now: datetime) -> None:
        """Note down that all notices up to this number were told."""
        with self._store.changing() as connection:
            connection.execute(
                "UPDATE deliveries SET sent_us = ? WHERE channel = ? AND sent_us IS NULL AND notice <= ?",
                (to_us(now), channel, up_to),
            )
            connection.execute("DELETE FROM channels WHERE channel = ?", (channel,))

    def failed(self, channel: str, problem: str, *, retry_after_s: float | None, now: datetime) -> datetime:
        """Note down why a try came to nothing; when the next one may be."""
        state = self.channel(channel)
        # Cut before it becomes a span: a server may ask for more seconds than one can hold.
        asked = timedelta(seconds=min(retry_after_s or 0.0, LONGEST_ASKED.total_seconds()))
        next_at = now + max(pause(state.failures + 1), asked)
        with self._store.changing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO channels (channel, failures, failing_since_us, next_us, problem) "
                "VALUES (?, ?, ?, ?, ?)",
                (channel, state.failures + 1, to_us(state.failing_since or now), to_us(next_at), problem),
            )
        return next_at

    def channel(self, name: str) -> ChannelState:
        """How a channel does."""
        rows = self._store.rows(
            "SELECT *, (SELECT COUNT(*) FROM deliveries d WHERE d.channel = c.channel AND sent_us IS NULL) AS waiting "
            "FROM channels c WHERE channel = ?",
            name,
        )
        return next(
            (
                ChannelState(
                    name,
                    row["failures"],
                    moment(row["failing_since_us"]),
                    from_us(row["next_us"]),
                    row["problem"],
                    row["waiting"],
                )
                for row in rows
            ),
            ChannelState(name),
        )

    def channels(self, names: Sequence[str]) -> tuple[ChannelState, ...]:
        """How channels do."""
        return tuple(map(self.channel, names))


def pause(failures: int) -> timedelta:
    """From a try that came to nothing to the next one, after so many in a row: 30 s, 1, 2, 4, 8, 15 minutes."""
    doublings = min(failures - 1, 16)
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2**doublings)
