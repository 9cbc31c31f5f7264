"""From what was seen to what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from crypto_assets.alerts.alert import Cause, Judged
from crypto_assets.alerts.facts import Facts, Seen, Unseen
from crypto_assets.alerts.rules_days import gold, silver, skill
from crypto_assets.alerts.rules_live import bronze, restarts, restarts_key, stream
from crypto_assets.alerts.rules_platform import checks, delivery, disk, run, unwatched


def judge(facts: Facts) -> Judged:
    """What is wrong by what was seen, and which scopes could be judged.

    What could not be seen is a cause of its own, and leaves the alerts that depend on it as they are.
    """
    causes: list[Cause] = []
    scopes: set[str] = {"delivery"}
    blind: dict[str, Unseen] = {}
    for sight in _sights(facts):
        match sight.seen:
            case None:
                continue
            case Unseen() as unseen:
                blind.setdefault(sight.place, unseen)
            case seen:
                causes += sight.rule(seen)
                scopes |= {*sight.scopes, f"unwatched/{sight.place}"}
    if facts.streams is False:  # taken down on purpose: nothing is silent
        scopes |= {"stream", "bronze", "unwatched/redis"}
    causes += delivery(facts.channels, now=facts.now)
    for place, unseen in blind.items():
        causes.append(unwatched(place, unseen))
        scopes.discard(f"unwatched/{place}")
    if facts.starts is not None:
        causes += restarts(facts.starts)
        scopes.add("restarts")
    # Started lately, and less often than a loop begins: it may be in the pause before its next start.
    unsettled = frozenset(map(restarts_key, facts.starts or ()))
    return Judged(tuple(causes), frozenset(scopes), unsettled)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one place showed, and the rule for it."""

    place: str
    scopes: tuple[str, ...]
    seen: Seen[Any]
    rule: Callable[[Any], Iterable[Cause]]


def _sights(facts: Facts) -> Iterator[_Sight]:
    now = facts.now
    if facts.streams:
        yield _Sight("redis", ("stream",), facts.programs, lambda seen: stream(seen, now=now))
        yield _Sight("lake", ("bronze",), facts.writes, lambda seen: bronze(seen, facts=facts))
    yield _Sight("lake", ("silver",), facts.silver, silver)
    yield _Sight("lake", ("gold",), facts.gold, gold)
    yield _Sight("lake", ("skill/week",), facts.skills, skill)
    yield _Sight("disk", ("disk",), facts.disks, disk)
    yield _Sight("dagster", ("run",), facts.runs, run)
    yield _Sight("dagster", ("check", "skill/drift"), facts.checks, checks)
