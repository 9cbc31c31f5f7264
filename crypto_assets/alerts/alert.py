"""What is wrong now, and what was told of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

type Severity = Literal["critical", "warning"]
"""Critical: data is being lost, or will be soon."""
type Rule = Literal[
    "stream", "bronze", "silver", "gold", "run", "check", "disk", "skill", "restarts", "unwatched", "delivery"
]
type Kind = Literal["firing", "resolved", "left"]
"""Left: the cause is no longer looked at, though nobody saw it end."""

RULES: tuple[Rule, ...] = get_args(Rule.__value__)
NOW = timedelta()


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong at the moment of a look."""

    key: str
    """The same as long as the cause is: the rule, and what it is about, separated by slashes."""
    rule: Rule
    subject: str
    """What it is about, in a few words."""
    sentence: str
    """What is wrong, with figures."""
    advice: str
    """What to do about it."""
    severity: Severity = "warning"
    link: str = ""
    """Path in Dagster's page, such as `/assets/gold_features`."""
    since: datetime | None = None
    """When it began, where that is known better than by the first look that saw it."""
    tell_after: timedelta = NOW
    """How long it must last before anybody is told: a program that is just being started is no news."""
    clear_after: timedelta = NOW
    """How long it must be gone before it is called resolved."""
    watched_until: datetime | None = None
    """When nobody looks any more whether it is still so: what is gone after that was not seen to be resolved."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one look at everything found, and what it could look at."""

    causes: tuple[Cause, ...]
    scopes: frozenset[str]
    """Beginnings of the keys that could be judged: a cause of another scope is neither seen nor gone."""
    unsettled: frozenset[str] = frozenset()
    """Keys of causes whose absence says nothing yet."""

    def covers(self, key: str) -> bool:
        """Whether the absence of this cause means that it is gone."""
        if key in self.unsettled:
            return False
        parts = key.split("/")
        return any("/".join(parts[:count]) in self.scopes for count in range(1, len(parts) + 1))


@dataclass(frozen=True, slots=True)
class Alert:
    """A cause from the first look that saw it to the one that saw it gone."""

    number: int
    key: str
    rule: Rule
    subject: str
    sentence: str
    advice: str
    severity: Severity
    link: str
    first_at: datetime
    last_at: datetime
    """When it was seen last."""
    count: int
    """Looks that saw it."""
    told_at: datetime | None
    """When the first message about it was made; None while it has not lasted long enough."""
    resolved_at: datetime | None
    ending: Kind | None = None
    """How it ended: `resolved` or `left`."""

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.resolved_at is None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell of an alert."""

    number: int
    alert: Alert
    kinds: tuple[Kind, ...]
    """One of them, or `firing` and then the end where neither was told before."""

    @property
    def is_over(self) -> bool:
        """Whether what it tells of is gone."""
        return self.kinds[-1] != "firing"


def worst_first(causes: Iterable[Cause]) -> list[Cause]:
    """The causes by severity, then in the order of the rules, then by key."""
    return sorted(causes, key=lambda cause: (cause.severity != "critical", RULES.index(cause.rule), cause.key))
