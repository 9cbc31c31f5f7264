"""Keeps the programs of the market stream alive as children of one process, which they do not outlive."""

from __future__ import annotations

import logging
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from crypto_assets.errors import ServiceFailed
from crypto_assets.processes import end_children, start_child
from crypto_assets.stream.health import Health
from crypto_assets.stream.heartbeat import LEASE_MS, NOT_ALONE, Program

HUNG_AFTER_S = 10.0
"""How long a program may look silent, beyond what its heartbeat allows, before it is killed."""
STARTUP_S = 120.0
"""How long a program may take to its first heartbeat; the processor starts a JVM and Spark."""
STEADY_AFTER_S = 60.0
"""A program that ran so long has recovered: its next crash is the first again."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
GIVE_UP_AFTER = 5
"""Crashes in a row after which the supervisor ends, unless another of its programs does well."""
TAIL_LINES = 20
TAIL_BYTES = 16_384
END_GRACE_S = 12.0
"""How long a program may take to flush; below the 15 s after which our own parent is killed."""


def pause_s(crashes: int) -> float:
    """Seconds until a program that crashed so many times in a row is started again: 1, 2, 4 … 60."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (crashes - 1))


@dataclass(slots=True)
class _Kept:
    """One program, as far as this supervisor is concerned."""

    program: Program
    child: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    log_start: int = 0
    crashes: int = 0
    not_before: float = 0.0
    silent_since: float | None = None
    said: str = ""


class Supervisor:
    """Starts programs that do not run, restarts those that crash or hang, and leaves alone those that live elsewhere.

    `look` says how a program does by its heartbeat. One call of `step` looks at everything once; the caller decides
    how often. All calls come from one thread that lives as long as the supervisor: Linux ends a child with the thread
    that started it.
    """

    def __init__(
        self,
        commands: Mapping[Program, Sequence[str]],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log_of: Callable[[Program], Path],
        look: Callable[[Program], Health],
        log: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commands = commands
        self._environment = environment
        self._folder = folder
        self._log_of = log_of
        self._look = look
        self._log = log
        self._clock = clock
        self._kept: dict[Program, _Kept] = {program: _Kept(program) for program in commands}

    @property
    def children(self) -> dict[Program, int]:
        """Process ids of the programs that run as children."""
        pids: dict[Program, int] = {}
        for program, kept in self._kept.items():
            if kept.child is not None and kept.child.poll() is None:
                pids[program] = kept.child.pid
        return pids

    def step(self) -> None:
        """Look once; raises ServiceFailed where a program keeps crashing and no other one does well."""
        for kept in self._kept.values():
            health = self._look(kept.program)
            if kept.child is not None:
                self._watch_child(kept, health)
            if kept.child is None:
                self._start_or_watch(kept, health)

    def stop(self) -> None:
        """End the children; they flush first."""
        children = [kept.child for kept in self._kept.values() if kept.child is not None]
        end_children(children, grace_s=END_GRACE_S)
        for kept in self._kept.values():
            kept.child = None

    def _watch_child(self, kept: _Kept, health: Health) -> None:
        child = kept.child
        assert child is not None
        code = child.poll()
        ran_s = self._clock() - kept.started_at
        if code is None:
            if hung := self._hung(kept, health, ran_s=ran_s):
                end_children([child], grace_s=END_GRACE_S)
                self._crashed(kept, f"{hung} It was killed.")
                return
            if health.is_alive and ran_s > STEADY_AFTER_S:
                kept.crashes = 0
            if health.is_alive and health.beat is not None and health.beat.pid == child.pid:
                self._say(kept, "runs", f"{kept.program} runs as pid {child.pid}.")
            return
        if code == NOT_ALONE:
            kept.child, kept.not_before = None, self._clock() + LEASE_MS / 1000
            self._say(kept, "elsewhere", f"{kept.program}: another instance runs; this one left it the field.")
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._crashed(kept, f"{kept.program} (pid {child.pid}) {how} after {ran_s:.0f} s.")

    def _hung(self, kept: _Kept, health: Health, *, ran_s: float) -> str | None:
        """Why a child that lives must be taken for hung; None where it need not."""
        assert kept.child is not None
        own = health.beat is not None and health.beat.pid == kept.child.pid
        told = health.state not in ("alive", "unknown")
        quiet = told and (own or ran_s > STARTUP_S)  # what came before it may have left a heartbeat
        if not quiet:
            kept.silent_since = None
            return None
        if kept.silent_since is None:
            kept.silent_since = self._clock()
        if self._clock() - kept.silent_since < HUNG_AFTER_S:
            return None
        return health.sentence if own else f"{kept.program} gave no heartbeat in the {ran_s:.0f} s since its start."

    def _crashed(self, kept: _Kept, what: str) -> None:
        kept.child, kept.silent_since = None, None
        kept.crashes += 1
        wait_s = pause_s(kept.crashes)
        kept.not_before = self._clock() + wait_s
        tail = self._tail(kept)
        failure = f"{what} Its last lines:\n{tail}" if tail else f"{what} It wrote nothing."
        self._log.error("%s\nCrash %d in a row; next start in %.0f s.", failure, kept.crashes, wait_s)
        kept.said = "crashed"
        if kept.crashes >= GIVE_UP_AFTER and not self._others_do_well(kept):
            raise ServiceFailed(
                f"{kept.program} crashed {kept.crashes} times in a row, and nothing else that was started here runs. "
                f"{failure}\nThe whole log is {self._log_of(kept.program)}."
            )

    def _others_do_well(self, kept: _Kept) -> bool:
        """A processor that crashes must not take the collector with it: what that misses cannot all be had again."""
        others = [k for k in self._kept.values() if k is not kept and k.child is not None and k.child.poll() is None]
        return any(other.crashes == 0 for other in others)

    def _start_or_watch(self, kept: _Kept, health: Health) -> None:
        if health.is_alive:
            kept.silent_since = None
            self._say(kept, "elsewhere", f"{health.sentence} It was not started here, and is watched.")
            return
        if self._clock() < kept.not_before:
            return
        if health.state == "silent" and (process := _process_of(health)) is not None:
            if kept.silent_since is None:
                kept.silent_since = self._clock()
            if self._clock() - kept.silent_since < HUNG_AFTER_S:
                return
            self._log.error("%s Its process still lives, and is killed.", health.sentence)
            _end(process)
        self._start(kept, why=health.sentence)

    def _start(self, kept: _Kept, *, why: str) -> None:
        log = self._log_of(kept.program)
        kept.log_start = log.stat().st_size if log.exists() else 0
        kept.child = start_child(
            self._commands[kept.program], environment=self._environment, folder=self._folder, log=log
        )
        kept.started_at, kept.silent_since = self._clock(), None
        self._log.info("%s is started as pid %d, log %s. Before: %s", kept.program, kept.child.pid, log, why)
        kept.said = "started"

    def _say(self, kept: _Kept, state: str, sentence: str) -> None:
        """One line for each change."""
        if kept.said != state:
            kept.said = state
            self._log.info("%s", sentence)

    def _tail(self, kept: _Kept) -> str:
        log = self._log_of(kept.program)
        if not log.exists():
            return ""
        with log.open("rb") as file:
            size = file.seek(0, 2)
            start = kept.log_start if kept.log_start <= size else 0  # the log was turned over
            file.seek(max(start, size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


def _process_of(health: Health) -> psutil.Process | None:
    """The process behind a heartbeat, where it lives on this machine and is that program indeed."""
    beat = health.beat
    if beat is None or beat.host != socket.gethostname():
        return None
    with suppress(psutil.Error):
        process = psutil.Process(beat.pid)
        named = any(f"crypto_assets.stream.{beat.program}" in part for part in process.cmdline())
        if named and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _end(process: psutil.Process) -> None:
    """End a hung program and what it started."""
    with suppress(psutil.NoSuchProcess):
        family = [*process.children(recursive=True), process]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=END_GRACE_S)
