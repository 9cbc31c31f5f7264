"""A unit of work, tried until it is done, while processes around it are killed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

import psutil

from crypto_assets.errors import CryptoAssetsError, ServiceFailed
from proof.crash.blows import Blow
from proof.crash.child import ending
from resources.services.process import MARKER
from resources.services.service import Name

type Start = Callable[[], ForkServerProcess]
"""Starts the process that does a unit."""
WELL_S = 600.0
"""How long services may take until all of them work again."""
MOST_UNPROVOKED = 5
"""Failures in a row in which nothing was killed: what fails so often will fail for ever."""
MOST_ATTEMPTS = 30
"""What is not done by then waits for something that a killed attempt holds: the last ones had an hour each."""
RUN = "run"
_STEP = re.compile(rb"- (\w+) - STEP_(START|SUCCESS|FAILURE)\b")
_TAIL_BYTES = 200_000


class Breakable(Protocol):
    """Services that can be killed and come back."""

    def processes(self) -> dict[str, int]: ...
    def kill(self, names: Iterable[Name]) -> None: ...
    def await_well(self, *, deadline_s: float) -> float: ...


@dataclass(frozen=True, slots=True)
class Kill:
    """What was killed."""

    at: datetime
    unit: str
    attempt: int
    step: str
    """Asset that was worked on, as the log of the run says."""
    kind: str
    """run, java, training, python, or the name of a service."""
    after_s: float
    """Since the beginning of the attempt."""


@dataclass(slots=True)
class Account:
    """What became of a unit."""

    unit: str
    attempts: int = 0
    kills: list[Kill] = field(default_factory=list)
    unprovoked: list[str] = field(default_factory=list)
    """Last words of attempts that failed although nothing was killed in them."""
    wall_s: float = 0.0
    attempt_s: float = 0.0
    """Of the attempt that succeeded."""


class NeverDone(CryptoAssetsError):
    """Raised when a unit fails again and again although nothing is killed any more."""


def complete(unit: str, start: Start, *, log: Path) -> Account:
    """Do a unit without a disturbance; raises NeverDone where it fails."""
    begin = time.monotonic()
    with ending(start()) as child:
        child.join()
    if child.exitcode != 0:
        raise NeverDone(f"{unit} fails although nothing is killed: {last_words(log)}")
    took_s = time.monotonic() - begin
    return Account(unit, attempts=1, wall_s=took_s, attempt_s=took_s)


@dataclass(frozen=True, slots=True)
class Disturber:
    """Kills while others work."""

    blows: Iterator[Blow]
    mean_s: float
    services: Breakable

    def complete(self, unit: str, start: Start, *, log: Path) -> Account:
        """Try a unit until it succeeds; raises NeverDone, and ServiceFailed where services do not come back."""
        account, begin = Account(unit), time.monotonic()
        unprovoked = 0
        while True:
            struck = len(account.kills)
            if self._attempt(account, start, log=log):
                account.wall_s = time.monotonic() - begin
                return account
            unprovoked = unprovoked + 1 if len(account.kills) == struck else 0
            if unprovoked:
                account.unprovoked.append(last_words(log))
            if account.attempts == MOST_ATTEMPTS:
                raise NeverDone(f"{unit} is not done after {MOST_ATTEMPTS} attempts: {last_words(log)}")
            if unprovoked == MOST_UNPROVOKED:
                raise NeverDone(f"{unit} fails although nothing is killed any more: {account.unprovoked[-1]}")

    def _attempt(self, account: Account, start: Start, *, log: Path) -> bool:
        failed = account.attempts
        account.attempts += 1
        begin = time.monotonic()
        log_begin = log.stat().st_size if log.exists() else 0
        is_hurt = False
        with ending(start()) as child:
            while True:
                blow = next(self.blows)
                child.join(blow.wait_s(self.mean_s, failed=failed))
                if not child.is_alive():
                    break
                step = step_of(log, since=log_begin)
                kind = self._strike(blow, child)
                after_s = round(time.monotonic() - begin, 2)
                account.kills.append(Kill(datetime.now(UTC), account.unit, account.attempts, step, kind, after_s))
                if kind == RUN:
                    break
                if blow.aim == "service":
                    is_hurt = True
                    self._heal()
        if is_hurt:
            self.services.await_well(deadline_s=WELL_S)
        account.attempt_s = time.monotonic() - begin
        return child.exitcode == 0

    def _strike(self, blow: Blow, child: ForkServerProcess) -> str:
        """Kill what the blow is aimed at; the run itself where there is no such thing."""
        assert child.pid is not None
        if blow.aim == "service" and (running := sorted(self.services.processes())):
            name = blow.chosen(running)
            self.services.kill([name])  # pyright: ignore[reportArgumentType]  names of services
            return name
        if blow.aim == "family" and (family := family_of(child.pid)):
            hit = blow.chosen(family)
            kind = kind_of(hit)
            with suppress(psutil.NoSuchProcess):
                hit.kill()
            return kind
        child.kill()
        return RUN

    def _heal(self) -> None:
        """Start again what was killed, beside the run, which may do the same; at the end of the attempt all is well."""
        with suppress(ServiceFailed):
            self.services.await_well(deadline_s=WELL_S)


def family_of(pid: int) -> list[psutil.Process]:
    """What a run has started, but for services, which outlive it."""
    with suppress(psutil.NoSuchProcess):
        return [process for process in psutil.Process(pid).children(recursive=True) if not _is_service(process)]
    return []


def kind_of(process: psutil.Process) -> str:
    """What a process of a run's family is."""
    with suppress(psutil.Error):
        command = " ".join(process.cmdline())
        if "crypto_assets.forecast.worker" in command:
            return "training"
        return "java" if process.name() == "java" else "python" if "python" in command else process.name()
    return "ended"


def step_of(log: Path, *, since: int) -> str:
    """The asset that the newest lines of a run's log speak of; empty before its first one."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - _TAIL_BYTES))
        found = _STEP.findall(file.read())
    return found[-1][0].decode() if found else ""


def last_words(log: Path, *, lines: int = 3) -> str:
    """The end of a log, in one line."""
    text = log.read_text(errors="replace")[-_TAIL_BYTES:] if log.exists() else ""
    return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def _is_service(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return MARKER in process.environ()
    return False
