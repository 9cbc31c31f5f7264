"""Causes, ledgers and a clock for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crypto_assets.alerts.alert import Alert, Cause, Judged, Notice
from crypto_assets.alerts.ledger import Ledger
from crypto_assets.alerts.outbox import Outbox
from crypto_assets.alerts.store import Store, ledger_file

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = timedelta(seconds=30)
CHANNELS = ("log", "webhook")


def cause(key: str = "disk/DATA_DIR", **changes: Any) -> Cause:
    """Something that is wrong."""
    rule: Any = key.partition("/")[0]
    facts: dict[str, Any] = {"subject": f"{key} is wrong", "sentence": "It is 9 % full.", "advice": "free space."}
    return Cause(key=key, rule=rule, **(facts | changes))


def alert(number: int = 1, **changes: Any) -> Alert:
    """An alert that lasts."""
    facts: dict[str, Any] = {
        "key": f"disk/{number}",
        "rule": "disk",
        "subject": f"disk {number} is nearly full",
        "sentence": "Little is free.",
        "advice": "free space.",
        "severity": "warning",
        "link": "/assets/gold_features",
        "first_at": NOW,
        "last_at": NOW,
        "count": 1,
        "told_at": NOW,
        "resolved_at": None,
    }
    return Alert(number=number, **(facts | changes))


def notice(number: int = 1, **changes: Any) -> Notice:
    """That it begins."""
    return Notice(number, alert(number, **changes), ("firing",))


@dataclass
class Book:
    """A ledger, and the looks that it is told of."""

    ledger: Ledger
    outbox: Outbox
    now: datetime = NOW
    channels: tuple[str, ...] = CHANNELS

    def look(
        self, *causes: Cause, scopes: tuple[str, ...] = ("disk", "stream", "run"), after: timedelta = EVERY
    ) -> None:
        """A look that found these, some time after the last one."""
        self.now += after
        self.ledger.record(Judged(causes, frozenset(scopes)), channels=self.channels, now=self.now)

    def told(self, channel: str = "webhook") -> list[tuple[str, str]]:
        """Key and last kind of what a channel has not been told; it is told then."""
        waiting = self.outbox.waiting(channel)
        if waiting:
            self.outbox.sent(channel, up_to=max(one.number for one in waiting), now=self.now)
        return [(one.alert.key, "+".join(one.kinds)) for one in waiting]


@contextmanager
def opened(data_dir: Path) -> Iterator[Book]:
    """The ledger of a DATA_DIR."""
    with closing(Store.open(ledger_file(data_dir))) as store:
        yield Book(Ledger(store), Outbox(store))


@contextmanager
def in_memory() -> Iterator[Book]:
    """A ledger for thousands of looks, which waits for no disk."""
    with closing(Store.in_memory()) as store:
        yield Book(Ledger(store), Outbox(store))
