"""The market stream that jobs and sensors are handed: start, stop and health of its programs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import msgspec
import psutil
from filelock import FileLock, Timeout

from crypto_assets.config import Settings, read_settings, variables_of
from crypto_assets.endpoints import Service, exchange_name, kafka_servers, missing_for_streams, service_folder
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream.health import PROGRAMS, Health
from crypto_assets.stream.heartbeat import Program
from crypto_assets.stream.supervisor import Supervisor
from resources.program_health import look

if TYPE_CHECKING:
    from crypto_assets.stream.gaps import Gap
    from resources.services.service import Name

PROJECT = Path(__file__).resolve().parents[1]
HOST_TAG = "market_stream/host"
"""Tag of a run that supervises: the machine it is on."""
REVIVED: tuple[Name, ...] = ("postgres", "redis", "kafka", "simulator")
"""Embedded services that the sensor starts again; the programs of the stream are the supervising run's."""
REVIVAL_S = 40.0
"""How long a sensor waits for services to start; Dagster gives a tick 60 s."""
LOOK_EVERY_S = 1.0
ASK_EVERY_S = 5.0
"""A look into Dagster's storage; so long may programs outlive a run that was ended without this process."""
TELL_EVERY_S = 300.0
LOCK_WAIT_S = 5.0
"""Longer than a sensor holds the lock to see whether somebody has it."""


class Holder(msgspec.Struct, frozen=True):
    """Who supervises on this machine."""

    run_id: str
    pid: int


class MarketStreamResource(dg.ConfigurableResource):
    """Collector, processor and forecaster: what they say of themselves; with `STREAM_MANAGED` their start and end.

    Programs started here are children of this process and end with it, however it ends.
    """

    @property
    def settings(self) -> Settings:
        """As the environment says."""
        return read_settings()

    def commands(self) -> dict[Program, Sequence[str]]:
        """How each program is started."""
        return {program: [sys.executable, "-m", f"crypto_assets.stream.{program}"] for program in PROGRAMS}

    def environment(self) -> dict[str, str]:
        """Variables of the programs; Java and the jars are fetched at the first use, and raise ServiceFailed."""
        from resources.services.java import java_home
        from resources.services.processor import spark_environment

        return {**os.environ, **variables_of(self.settings), **spark_environment(java_home())}

    def health(self) -> list[Health]:
        """How each program does by its heartbeat in Redis."""
        return [look(self.settings, program) for program in PROGRAMS]

    def gaps(self) -> list[Gap]:
        """The gap ledger; raises ConfigurationError where no Kafka is named, ServiceUnavailable where none answers."""
        from confluent_kafka import KafkaException

        from crypto_assets.stream.gaps import read_ledger

        settings = self.settings
        servers = kafka_servers(settings)
        try:
            return read_ledger(servers, exchange_name(settings))
        except KafkaException as error:
            raise ServiceUnavailable(f"The gap ledger cannot be read from Kafka at {servers}: {error}.") from error

    def missing_services(self) -> list[Service]:
        """Services that the programs need, and that neither run embedded nor are named by a variable."""
        return missing_for_streams(self.settings)

    def services_change(self) -> bool:
        """Whether `make up` or `make down` is at work now: what they start or stop is not ours to start."""
        from resources.services.manager import lock_file

        path = lock_file(self.settings.data_dir)
        return path.exists() and _is_held(path)

    def ended_services(self) -> list[Name]:
        """Embedded services that were started and ended by themselves since."""
        from resources.services.manager import Services

        statuses = Services(self.settings).status(REVIVED)
        return [status.name for status in statuses if status.state == "ended by itself"]

    def revive_services(self, names: Sequence[Name]) -> str:
        """Start these again unless they were taken down meanwhile, and say how it went.

        A program of its own does so: what this process starts would be ended with it.
        """
        listed = " and ".join(names)
        log = self.settings.data_dir / "services" / "revive.log"
        command = [sys.executable, "-m", "resources.services", "revive", *names]
        environment = {**os.environ, **variables_of(self.settings)}
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            code = child.wait(timeout=REVIVAL_S)
        except subprocess.TimeoutExpired:
            return f"{listed} ended by itself and is being started since {REVIVAL_S:.0f} s; see {log}."
        if code:
            return f"{listed} ended by itself and does not start: {log.read_text(errors='replace').strip()[-1000:]}"
        return f"{listed} ended by itself and was started again."

    def supervise(
        self,
        *,
        run_id: str,
        log: logging.Logger,
        has_ended: Callable[[], bool],
        pause: Callable[[float], None] = time.sleep,
    ) -> str:
        """Keep the programs alive until there is a reason not to, and return it as a sentence.

        Two daemons can start one run twice. Its second process waits, as to end would end the run; and `has_ended`
        says to either that the run was ended, which only the other one may have been told. Raises ServiceFailed where a
        program keeps crashing. However it ends, no program started here is left.
        """
        with self.alone(run_id, has_ended=has_ended, pause=pause) as other:
            if has_ended():
                return f"Run {run_id} was ended before this process of it had something to do."
            if other is not None:
                return f"Run {other.run_id} (pid {other.pid}) supervises already; this one has nothing to do."
            ended = _end_of_launcher()
            told = asked = time.monotonic()
            supervisor: Supervisor | None = None
            try:
                while (reason := ended() or self._taken_down()) is None:
                    if time.monotonic() - asked >= ASK_EVERY_S:
                        asked = time.monotonic()
                        if has_ended():
                            reason = f"Run {run_id} was ended."
                            break
                    if not self.services_change():
                        supervisor = supervisor or self._supervisor(log)
                        supervisor.step()
                    if time.monotonic() - told > TELL_EVERY_S:
                        told = time.monotonic()
                        log.info("%s", " ".join(health.sentence for health in self.health()))
                    pause(LOOK_EVERY_S)
                return f"{reason} Collector, processor and forecaster are ended."
            finally:
                if supervisor is not None:
                    supervisor.stop()

    def _supervisor(self, log: logging.Logger) -> Supervisor:
        return Supervisor(
            self.commands(),
            environment=self.environment(),
            folder=PROJECT,
            log_of=self._log_of,
            look=partial(look, self.settings),
            log=log,
        )

    def supervisor_run(self) -> Holder | None:
        """The run that supervises on this machine now; None where there is none."""
        return self._holder() if self._lock_file.exists() and _is_held(self._lock_file) else None

    @contextmanager
    def alone(
        self, run_id: str, *, has_ended: Callable[[], bool], pause: Callable[[float], None]
    ) -> Generator[Holder | None]:
        """Yields None to the one supervisor of this machine, to others who that is: at once, or to the run's own second
        process when the run was ended."""
        self._lock_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self._lock_file)
        while True:
            try:
                lock.acquire(timeout=LOCK_WAIT_S)
                break
            except Timeout:
                holder = self._holder()
                if holder.run_id != run_id or has_ended():
                    yield holder
                    return
                pause(LOOK_EVERY_S)
        try:
            holder = Holder(run_id, os.getpid())
            self._holder_file.write_bytes(msgspec.json.encode(holder))
            yield None
        finally:
            lock.release()

    def _holder(self) -> Holder:
        try:
            return msgspec.json.decode(self._holder_file.read_bytes(), type=Holder)
        except (FileNotFoundError, msgspec.DecodeError):  # it has the lock, and has not said yet who it is
            return Holder("unknown", 0)

    @property
    def _lock_file(self) -> Path:
        return self.settings.data_dir / "services" / "market_stream.lock"

    @property
    def _holder_file(self) -> Path:
        return self._lock_file.with_suffix(".json")

    def _log_of(self, program: Program) -> Path:
        return service_folder(self.settings.data_dir, program) / "log"

    def _taken_down(self) -> str | None:
        missing = self.missing_services()
        return f"{' and '.join(missing)} was stopped." if missing else None


def _end_of_launcher() -> Callable[[], str | None]:
    """Says when Dagster's daemon, which started this run through its code server, is gone.

    The code server itself waits for its runs: without this look it and this run would outlive the daemon for ever.
    """
    server = psutil.Process().parent()
    if server is None or "dagster" not in " ".join(server.cmdline()):
        return lambda: None
    daemon = server.parent()
    if daemon is None or "dagster" not in " ".join(daemon.cmdline()):
        return lambda: None

    def ended() -> str | None:
        with suppress(psutil.NoSuchProcess):
            if server.ppid() == daemon.pid:
                return None
        return f"The program that started this run (pid {daemon.pid}) ended."

    return ended


def _is_held(path: Path) -> bool:
    """Whether another process has the lock; for a moment it is taken to see."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
