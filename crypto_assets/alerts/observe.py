"""Looks at everything that alerts are about, at each place for a bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg
import msgspec

from crypto_assets.alerts.bounded import Call, Calls, Failed
from crypto_assets.alerts.days import Days
from crypto_assets.alerts.facts import Facts, Seen, Unseen
from crypto_assets.alerts.ledger import Ledger
from crypto_assets.alerts.outbox import ChannelState
from crypto_assets.alerts.rules_days import DAYS_LOOKED_AT
from crypto_assets.alerts.rules_live import RESTARTS_WITHIN
from crypto_assets.alerts.rules_platform import CHECKS_KEPT, RUNS_KEPT
from crypto_assets.alerts.runs import SUPERVISING, failed_runs, supervising_starts
from crypto_assets.config import Settings
from crypto_assets.endpoints import PROCESS_FILE, ProcessRecord, missing_for_streams
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.health.completeness import newest_due_day
from crypto_assets.health.dagster_events import latest_checks
from crypto_assets.health.lag import program_health
from crypto_assets.health.storage import disks
from crypto_assets.health.writes import LastWrite, flushed_every, last_writes
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.spans import from_us
from crypto_assets.stream.health import PROGRAMS, Health

SLOW_EVERY = timedelta(minutes=5)
"""Finished days, and the checks of two days, change seldom and cost most."""
LIMIT_S = 12.0
"""For all places together: Dagster gives a sensor 60 s, and what was seen must then be told."""
_PLACES = {
    "programs": "heartbeats in Redis",
    "writes": "bronze in the lake",
    "silver": "silver in the lake",
    "gold": "gold in the lake",
    "skills": "forecasts in the lake",
    "disks": "the disk",
    "runs": "runs in Dagster",
    "checks": "checks in Dagster",
}


type OpenDagster = Callable[[], dg.DagsterInstance | None]
"""Gives Dagster's storage, or None where Dagster was never started."""


class Observer:
    """Looks, and remembers between two looks what of finished days need not be read again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calls = Calls()
        self._lake: Lake | None = None
        self._opening = threading.Lock()
        self._days = Days(settings)

    def look(
        self, ledger: Ledger, *, instance: OpenDagster, channels: tuple[ChannelState, ...], now: datetime
    ) -> Facts:
        """What is seen at `now`; the ledger says which slow looks are due, and hears of starts. Raises AlertsError."""
        settings, deadline = self._settings, time.monotonic() + LIMIT_S
        streams = not missing_for_streams(settings)  # else nobody means it to run
        quick, slow = self._begin(ledger, instance, streams=streams, now=now)

        def seen[T](calls: Mapping[str, Call[T]], name: str) -> Seen[T]:
            call = calls.get(name)
            result = None if call is None else call.result(limit_s=max(0.0, deadline - time.monotonic()))
            return Unseen(_sentence(name, result.reason)) if isinstance(result, Failed) else result

        found: dict[str, Any] = {name: seen(quick, name) for name in quick}
        for name in slow:
            found[name] = seen(slow, name)
            if not isinstance(found[name], Unseen):
                ledger.note_look(name, now=now)
        return Facts(
            now=now,
            streams=streams,
            flushed_every=flushed_every(settings),
            starts=self._starts(ledger, found, now=now),
            channels=channels,
            **{name: found.get(name) for name in _PLACES},
        )

    def _begin(
        self, ledger: Ledger, instance: OpenDagster, *, streams: bool, now: datetime
    ) -> tuple[dict[str, Call[Any]], dict[str, Call[Any]]]:
        """The looks of each time and those that are due now, by name."""
        days = days_looked_at(self._settings.partitions_start, now=now)
        since = now.date() - timedelta(days=DAYS_LOOKED_AT)
        failed_since, started_since = now - RUNS_KEPT, now - RESTARTS_WITHIN
        quick: dict[str, Callable[[], object]] = {
            "disks": lambda: tuple(disks(self._settings.data_dir, lake=self._settings.lake)),
            "runs": _of(instance, lambda one: failed_runs(one, since=failed_since, now=now)),
            "supervising": _of(instance, lambda one: supervising_starts(one, since=started_since)),
        }
        if streams:
            quick |= {"programs": lambda: self._programs(now), "writes": self._writes}
        slow: dict[str, Callable[[], object]] = {
            "silver": lambda: self._days.silver(self._open_lake(), days, now=now),
            "gold": lambda: self._days.gold(self._open_lake(), days),
            "skills": lambda: self._days.skills(self._open_lake(), since=since),
            "checks": _of(instance, lambda one: tuple(latest_checks(one, since=now - CHECKS_KEPT))),
        }
        due = {name: look for name, look in slow.items() if ledger.is_due(name, every=SLOW_EVERY, now=now)}
        begin = self._calls.begin
        return (
            {name: begin(name, look) for name, look in quick.items()},
            {name: begin(name, look) for name, look in due.items()},
        )

    def _programs(self, now: datetime) -> tuple[Health, ...]:
        found = tuple(program_health(self._settings, now=now))
        if all(health.state == "unknown" for health in found):
            raise ServiceUnavailable(found[0].sentence.partition(": ")[2])
        return found

    def _writes(self) -> tuple[LastWrite, ...]:
        return tuple(last_writes(self._open_lake(), self._settings.symbols, datasets=[BRONZE_KLINES["1m"]]))

    def _starts(self, ledger: Ledger, found: Mapping[str, Any], *, now: datetime) -> dict[str, int]:
        """Starts by what was started, of those that can be seen and those that were seen before."""
        starts = dict(service_starts(self._settings.data_dir))
        if isinstance(programs := found.get("programs"), tuple):
            for health in cast("tuple[Health, ...]", programs):
                if health.beat is not None:
                    starts[health.program] = [(health.beat.instance, from_us(health.beat.started_at_us))]
        if isinstance(runs := found.get("supervising"), list):
            starts[SUPERVISING] = cast("list[tuple[str, datetime]]", runs)
        return ledger.remember_starts(starts, since=now - RESTARTS_WITHIN)

    def _open_lake(self) -> Lake:
        with self._opening:
            if self._lake is None:
                self._lake = Lake(self._settings.lake)
            return self._lake


def _of[T](instance: OpenDagster, look: Callable[[dg.DagsterInstance], T]) -> Callable[[], T | None]:
    def seen() -> T | None:
        opened = instance()
        return None if opened is None else look(opened)

    return seen


def service_starts(data_dir: Path) -> Iterator[tuple[str, list[tuple[str, datetime]]]]:
    """The newest start of each embedded service that was started and not stopped, by its name."""
    for path in sorted((data_dir / "services").glob(f"*/{PROCESS_FILE}")):
        if path.parent.name in PROGRAMS:
            continue  # they say themselves when they were started
        try:
            process = msgspec.json.decode(path.read_bytes(), type=ProcessRecord)
        except (OSError, msgspec.DecodeError):  # stopped or replaced just now
            continue
        at = datetime.fromtimestamp(process.created, UTC)
        yield path.parent.name, [(f"{process.pid} {process.created}", at)]


def days_looked_at(first: date, *, now: datetime) -> tuple[date, ...]:
    """Finished days, the newest last, that silver and gold must have been made of by now."""
    days = (newest_due_day(now) - timedelta(days=back) for back in reversed(range(DAYS_LOOKED_AT)))
    return tuple(day for day in days if day >= first)


def _sentence(name: str, reason: str) -> str:
    return f"{_PLACES.get(name, name)}: {reason}"
