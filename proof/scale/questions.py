"""What looks at Dagster's instance: the ticks of sensors and schedules, and what pages and programs read of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from crypto_assets.alerts.runs import failed_runs
from crypto_assets.config import Settings
from crypto_assets.dashboard.health.figures import read_events
from crypto_assets.definitions import build_definitions
from crypto_assets.health.dagster_events import latest_checks, recent_runs
from proof.scale.asking import Asked, ask

AUTOMATION = "follow_changes"


@dataclass(slots=True)
class Graph:
    """The project's definitions beside an instance, and where each sensor last ended."""

    settings: Settings
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    cursors: dict[str, str | None]

    def tick(self, name: str) -> str:
        """What a sensor does next, in a sentence."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sensor = self.definitions.get_repository_def().get_sensor_def(name)
            context = dg.build_sensor_context(
                self.instance,
                cursor=self.cursors.get(name),
                definitions=self.definitions,
                resources=dict(self.definitions.resources or {}),
            )
            done = sensor.evaluate_tick(context)
        self.cursors[name] = done.cursor or self.cursors.get(name)
        return f"{len(done.run_requests or ())} runs, {len(done.asset_events or ())} events. {done.skip_message or ''}"

    def clock(self, name: str, *, at: datetime) -> str:
        """What a schedule does at a moment, in a sentence."""
        repository = self.definitions.get_repository_def()
        context = dg.build_schedule_context(self.instance, scheduled_execution_time=at, repository_def=repository)
        done = repository.get_schedule_def(name).evaluate_tick(context)
        return f"{len(done.run_requests or ())} runs. {done.skip_message or ''}"

    @property
    def sensors(self) -> list[str]:
        """Names, that of automation last."""
        names = [sensor.name for sensor in self.definitions.get_repository_def().sensor_defs]
        return sorted(names, key=lambda name: (name == AUTOMATION, name))

    @property
    def schedules(self) -> list[str]:
        """Names."""
        return [schedule.name for schedule in self.definitions.get_repository_def().schedule_defs]


def ask_all(instance: dg.DagsterInstance, settings: Settings, *, change: Callable[[], None]) -> Iterator[Asked]:
    """Each question twice, and automation once more after a `change` of what is materialized."""
    built: list[dg.Definitions] = []

    def load() -> str:
        built.append(build_definitions(settings))
        return f"{len(built[-1].get_repository_def().assets_defs_by_key)} assets"

    yield ask("definitions", load)
    graph = Graph(settings, instance, built[0], {})
    now = datetime.now(UTC)
    for name in graph.schedules:
        yield ask(f"schedule {name}", lambda name=name: graph.clock(name, at=now))
    for name, question in _reading(instance, settings, now=now).items():
        for turn in ("first", "again"):
            yield ask(f"{name}, {turn}", question)
    for name in graph.sensors:
        for turn in ("first", "again"):
            yield ask(f"sensor {name}, {turn}", lambda name=name: graph.tick(name))
    change()
    for turn in ("after a change", "and then"):
        yield ask(f"sensor {AUTOMATION}, {turn}", lambda: graph.tick(AUTOMATION))


def _reading(instance: dg.DagsterInstance, settings: Settings, *, now: datetime) -> dict[str, Callable[[], str]]:
    week = now - timedelta(days=7)

    def counted(found: Any) -> str:
        return f"{len(found):,} found"

    return {
        "materialized partitions of an asset": lambda: counted(
            instance.get_materialized_partitions(dg.AssetKey("silver_klines_1m"))
        ),
        "results of checks": lambda: counted(latest_checks(instance, since=week)),
        "runs": lambda: counted(recent_runs(instance, since=week)),
        "failed runs (alerts)": lambda: counted(failed_runs(instance, since=week, now=now)),
        "dashboard, events": lambda: _dashboard(settings, now=now),
        "doctor": lambda: _doctor(settings),
    }


def _dashboard(settings: Settings, *, now: datetime) -> str:
    events = read_events(settings, environment=os.environ, now=now)
    return "nothing" if events is None else f"{len(events.checks):,} checks, {len(events.runs):,} runs"


def _doctor(settings: Settings) -> str:
    import subprocess
    import sys

    command = [sys.executable, "-m", "crypto_assets.cli.main", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(settings.data_dir))
    return f"exit status {done.returncode}: {(done.stdout or done.stderr).strip().splitlines()[-1:]}"
