"""The embedded services together: start what is down, tell how they are, stop them in order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock, Timeout

from crypto_assets.config import Settings
from crypto_assets.endpoints import ProcessRecord
from crypto_assets.errors import CryptoAssetsError, ServiceFailed
from crypto_assets.stream.heartbeat import Heartbeat
from resources.services import java
from resources.services.hdfs import DataNode, NameNode
from resources.services.jars import Group, fetch_jars
from resources.services.kafka import Kafka
from resources.services.postgres import Postgres
from resources.services.process import end, family, find, record_of, remains, spawn
from resources.services.programs import Collector, Daemon, Forecaster, Processor
from resources.services.redis import Redis
from resources.services.redshift import Redshift
from resources.services.s3 import S3
from resources.services.service import ALWAYS, NAMES, ON_DEMAND, Context, Name, Running, Service
from resources.services.sheets import Sheets
from resources.services.simulator import Simulator

type Progress = Callable[[Name, str], None]
"""Called with a service and what it does now."""
POLL_S = 0.05
LOCK_S = 300.0
ATTEMPTS = 3
"""Starts of one service, where somebody else took its port just then."""
LEFTOVER_GRACE_S = 5.0
CLASSES: tuple[type[Service], ...] = (
    *(Postgres, Redis, Kafka, NameNode, DataNode, S3, Redshift, Sheets),
    *(Simulator, Collector, Processor, Forecaster, Daemon),
)


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How one service is."""

    name: Name
    state: Literal["running", "elsewhere", "on demand", "down", "ended by itself", "does not answer"]
    """`on demand`: down, as nothing has needed it yet."""
    address: str = ""
    pid: int | None = None
    since: datetime | None = None
    detail: str = ""
    beat: Heartbeat | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing needs to be done about it."""
        return self.state in ("running", "elsewhere", "on demand")


def lock_file(data_dir: Path) -> Path:
    """What a program holds while it starts or stops services."""
    return data_dir / "services" / ".lock"


class Services:
    """Services of one `DATA_DIR`. They outlive this program, or with `attached` end with it."""

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] = os.environ,
        attached: bool = False,
        java_home: Callable[[], Path] = java.java_home,
    ) -> None:
        self.settings = settings
        self._attached = attached
        context = Context(settings, environment, java_home)
        self._services: dict[Name, Service] = {each.name: each(context) for each in CLASSES}
        self._children: dict[Name, subprocess.Popen[bytes]] = {}

    def start(self, names: Sequence[Name] = ALWAYS, *, progress: Progress = lambda *_: None) -> None:
        """Start those that are down and whatever they need; return once all of them are ready.

        Raises ServiceFailed when one does not come up; the others run nevertheless, but for those that need it.
        """
        wanted = self._with_needs(names)
        with self._alone(wanted, progress):
            self._start(wanted, progress)

    def revive(self, names: Sequence[Name] = NAMES, *, progress: Progress = lambda *_: None) -> None:
        """Start again those that ended by themselves; what was stopped, also while this waited, stays down.

        Raises ServiceFailed as `start` does.
        """
        with self._alone(names, progress):
            ended: list[Name] = [status.name for status in self.status(names) if status.state == "ended by itself"]
            self._start(ended, progress)

    def fetch_jars(self, names: Sequence[Name] = ALWAYS, *, progress: Callable[[Group, int, int], None]) -> None:
        """Download the jars of services that are down, as `start` would, telling how many of a group are there.

        Raises ServiceFailed where they cannot be had.
        """
        for service in map(self._services.__getitem__, self._with_needs(names)):
            if service.jars and not find(service.folder.record, service.folder) and not service.elsewhere():
                fetch_jars(service.jars, progress=partial(progress, service.jars))

    def status(self, names: Sequence[Name] = NAMES) -> list[ServiceStatus]:
        """How each service is now."""
        return [self._status(self._services[name]) for name in NAMES if name in names]

    def missing(self, names: Sequence[Name]) -> list[Name]:
        """Those, and of what they need, that have to be started before they can be used; nothing outside is asked."""
        services = map(self._services.__getitem__, self._with_needs(names))
        return [each.name for each in services if not self._works(each) and not each.elsewhere()]

    def stop(self, names: Sequence[Name] = NAMES, *, progress: Progress = lambda *_: None) -> None:
        """Stop services, those that need others first, and wait until no process of them is left; data stays."""
        chosen: list[Name] = [name for name in reversed(NAMES) if name in names]
        with self._alone(chosen, progress):
            for name in chosen:
                self._stop(self._services[name], progress)

    def kill(self, name: Name) -> None:
        """End a service as a crash would, for tests; its endpoint and its record stay."""
        service = self._services[name]
        if process := find(service.folder.record, service.folder):
            end([process], ask=signal.SIGKILL, grace_s=LEFTOVER_GRACE_S)

    def process(self, name: Name) -> psutil.Process | None:
        """The running process of a service."""
        service = self._services[name]
        return find(service.folder.record, service.folder)

    def _start(self, names: Sequence[Name], progress: Progress) -> None:
        starting: dict[Name, Generator[str, None, str]] = {name: self._starting(self._services[name]) for name in names}
        failures: dict[Name, str] = {}
        try:
            while starting:
                self._step(starting, failures, progress)
                time.sleep(POLL_S)
        finally:
            for steps in starting.values():
                steps.close()
        if failures:
            raise ServiceFailed("\n\n".join(failures.values()))

    def _with_needs(self, names: Sequence[Name]) -> list[Name]:
        wanted = set(names)
        for name in reversed(NAMES):
            if name in wanted:
                wanted.update(self._services[name].needs)
        return [name for name in NAMES if name in wanted]

    @contextmanager
    def _alone(self, names: Sequence[Name], progress: Progress) -> Generator[None]:
        folder = self.settings.data_dir / "services"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(lock_file(self.settings.data_dir))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            for name in names:
                progress(name, "waits for another start or stop to end")
            try:
                lock.acquire(timeout=LOCK_S)
            except Timeout:
                raise ServiceFailed(
                    f"Another program has been starting or stopping services for {LOCK_S:.0f} s."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def _step(
        self, starting: dict[Name, Generator[str, None, str]], failures: dict[Name, str], progress: Progress
    ) -> None:
        for name, steps in list(starting.items()):
            needs = self._services[name].needs
            if missing := [need for need in needs if need in failures]:
                failures[name] = f"{name} was not started: it needs {' and '.join(missing)}."
                progress(name, "not started")
                del starting[name]
            elif not any(need in starting for need in needs):
                try:
                    progress(name, next(steps))
                except StopIteration as ended:
                    progress(name, ended.value)
                    del starting[name]
                except (CryptoAssetsError, OSError) as error:
                    failures[name] = _failure(self._services[name], error)
                    progress(name, "failed")
                    del starting[name]

    def _starting(self, service: Service) -> Generator[str, None, str]:
        """Yields what is being done; returns what has come of it."""
        record = service.folder.record
        if record is not None and find(record, service.folder):
            yield from self._until_ready(service, record)
        elif reason := service.elsewhere():
            return f"not started: {reason}"
        else:
            service.folder.make()
            end([*family(service.folder), *remains(record)], ask=signal.SIGTERM, grace_s=LEFTOVER_GRACE_S)
            yield "preparing"
            yield from service.prepare()
            record = yield from self._launch(service)
        service.publish(record.ports)
        return f"ready {service.address()}".rstrip()

    def _launch(self, service: Service) -> Generator[str, None, ProcessRecord]:
        attempt = 1
        while True:
            ports = service.folder.ports(service.purposes)
            ends_with_starter = service.stop_signal if self._attached else None
            child = spawn(service.launch(ports), service.folder, ends_with_starter=ends_with_starter)
            self._children[service.name] = child
            record = record_of(child, ports=ports)
            service.folder.write_record(record)
            try:
                yield from self._until_ready(service, record)
                return record
            except ServiceFailed:
                # Somebody may have taken a port between the look at it and the start.
                if attempt == ATTEMPTS or service.folder.ports(service.purposes) == ports:
                    raise
                attempt += 1

    def _until_ready(self, service: Service, record: ProcessRecord) -> Generator[str]:
        running = Running(record.pid, record.ports)
        deadline, next_look = time.monotonic() + service.start_s, 0.0
        while True:
            if not find(record, service.folder):
                raise ServiceFailed(f"it ended{_status_of(self._children.get(service.name), record)}")
            if time.monotonic() >= next_look:
                if service.is_ready(running):
                    return
                next_look = time.monotonic() + service.look_every_s
            if time.monotonic() > deadline:
                reason = service.waits_for()
                end(family(service.folder), ask=service.stop_signal, grace_s=LEFTOVER_GRACE_S)
                raise ServiceFailed(f"it was not ready after {service.start_s:.0f} s{': ' * bool(reason)}{reason}")
            yield "starting"

    def _works(self, service: Service) -> bool:
        record = service.folder.record
        if record is None or not find(record, service.folder):
            return False
        return service.is_ready(Running(record.pid, record.ports))

    def _status(self, service: Service) -> ServiceStatus:
        record = service.folder.record
        process = find(record, service.folder)
        if record is None or process is None:
            if reason := service.elsewhere():
                state = "elsewhere" if service.answers_elsewhere() else "does not answer"
                return ServiceStatus(service.name, state, detail=reason, beat=service.beat())
            if record is not None:
                return ServiceStatus(service.name, "ended by itself")
            return ServiceStatus(service.name, "on demand" if service.name in ON_DEMAND else "down")
        return ServiceStatus(
            service.name,
            "running" if service.is_ready(Running(record.pid, record.ports)) else "does not answer",
            address=service.address(),
            pid=record.pid,
            since=datetime.fromtimestamp(record.created, UTC),
            beat=service.beat(),
        )

    def _stop(self, service: Service, progress: Progress) -> None:
        if process := find(service.folder.record, service.folder):
            progress(service.name, "stopping")
            end([process], ask=service.stop_signal, grace_s=service.grace_s)
        end(family(service.folder), ask=signal.SIGTERM, grace_s=service.grace_s)
        if child := self._children.pop(service.name, None):
            child.poll()
        service.withdraw()
        service.folder.remove_record()
        progress(service.name, "stopped")


def _status_of(child: subprocess.Popen[bytes] | None, record: ProcessRecord) -> str:
    """How a process that has ended did so, where it was started here."""
    if child is None or child.pid != record.pid:
        return ""
    try:
        return f" with status {child.wait(LEFTOVER_GRACE_S)}"
    except subprocess.TimeoutExpired:  # threads of it are still at their end
        return ""


def _failure(service: Service, error: Exception) -> str:
    log = service.folder.log
    lines = [f"{service.name} did not start: {error}"]
    if tail := service.folder.log_tail():
        lines += [f"Its log, {log}, ends with:", tail]
    lines.append("What else was started runs on. `make up` starts the rest once the cause is gone.")
    return "\n".join(lines)
