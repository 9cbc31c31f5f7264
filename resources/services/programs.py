"""The project's own long-running programs: collector, processor, forecaster, and Dagster's daemon."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, override

import psutil

from crypto_assets.dagster_home import dagster_home, prepare_dagster_home, running_daemon
from crypto_assets.stream.heartbeat import Heartbeat, Program
from resources.program_health import look
from resources.services.process import Launch, family
from resources.services.processor import spark_environment
from resources.services.service import Running, Service

BEAT_LIMIT_S = 120.0


class StreamProgram(Service):
    """A program that tells how it is by a heartbeat in Redis."""

    program: ClassVar[Program]
    start_s = 180.0
    grace_s = 60.0  # what was received is flushed first

    @override
    def launch(self, ports: Mapping[str, int]) -> Launch:
        command = (sys.executable, "-m", f"crypto_assets.stream.{self.program}")
        return Launch(command, self.program_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        health = look(self.settings, self.program)
        beat = health.beat
        return beat is not None and health.is_alive and beat.pid == running.pid and beat.state == "running"

    def elsewhere(self) -> str | None:
        health = look(self.settings, self.program)
        if health.beat is None or not health.is_alive:
            return None
        return f"one runs already (process {health.beat.pid} on {health.beat.host})"

    def beat(self) -> Heartbeat | None:
        return look(self.settings, self.program).beat


class Collector(StreamProgram):
    """WebSocket to Kafka."""

    name = program = "collector"
    needs = ("redis", "kafka", "simulator")


class Processor(StreamProgram):
    """Kafka to Redis and PostgreSQL, by Spark."""

    name = program = "processor"
    needs = ("postgres", "redis", "kafka")
    jars = "spark"

    @override
    def launch(self, ports: Mapping[str, int]) -> Launch:
        launch = super().launch(ports)
        spark = spark_environment(self.context.java_home())
        return Launch(launch.command, {**launch.environment, **spark}, launch.folder)


class Forecaster(StreamProgram):
    """Promoted models to Kafka, Redis and PostgreSQL; it is well while it waits for a model."""

    name = program = "forecaster"
    needs = ("postgres", "redis", "kafka")


class Daemon(Service):
    """Dagster's daemon with its code server: it looks at schedules and sensors, and starts runs."""

    name = "daemon"
    start_s = 180.0
    grace_s = 30.0
    look_every_s = 1.0

    def elsewhere(self) -> str | None:
        found = running_daemon(self._home)
        # One that outlived the program which has started it here is on its way to end.
        return f"`make ui` runs one (process {found.pid})" if found and found not in family(self.folder) else None

    def prepare(self) -> Iterator[str]:
        yield "preparing DAGSTER_HOME"
        prepare_dagster_home(self.settings.data_dir, environment=self.context.environment)

    @override
    def launch(self, ports: Mapping[str, int]) -> Launch:
        environment = {**self.program_environment(), "DAGSTER_HOME": str(self._home)}
        return Launch((sys.executable, "-m", "crypto_assets.daemon"), environment, self.folder.path)

    def is_ready(self, running: Running) -> bool:
        import dagster as dg

        # Each of its threads beats every 30 s.
        since = max(psutil.Process(running.pid).create_time(), time.time() - BEAT_LIMIT_S)
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            statuses = instance.get_daemon_statuses().values()
        return all(status.last_heartbeat and status.last_heartbeat.timestamp >= since for status in statuses)

    @property
    def _home(self) -> Path:
        return dagster_home(self.settings.data_dir, environment=self.context.environment)
