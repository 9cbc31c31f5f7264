"""Processes of embedded services: started on their own, known again later, ended with all they started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from crypto_assets.endpoints import ProcessRecord
from crypto_assets.processes import end_with_parent, heed_signals
from resources.services.folder import ServiceFolder

MARKER = "CRYPTO_ASSETS_SERVICE"
"""Variable that a service and all it starts inherit: the folder it belongs to."""
RENAMED = ("postgres", "redis-server")
"""Programs that write their title over the variables they were given; their working folder tells whose they are."""
SAME_START_S = 2.0
"""The system tells a start by a clock that is corrected now and then."""
KILLED_S = 10.0
"""How long a process may take to be gone after SIGKILL."""
POLL_S = 0.02
_starter = ThreadPoolExecutor(1, thread_name_prefix="services")
"""Linux signals a child when the *thread* that started it ends: this one lives as long as the program."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a program."""

    command: Sequence[str | Path]
    environment: Mapping[str, str]
    folder: Path
    before_exec: Callable[[], None] | None = None


def spawn(
    launch: Launch, folder: ServiceFolder, *, ends_with_starter: signal.Signals | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output appended to the service's log.

    It outlives this program, unless `ends_with_starter` names the signal it gets when this program is gone.
    """

    def before_exec() -> None:
        heed_signals()
        if launch.before_exec:
            launch.before_exec()
        if ends_with_starter:
            end_with_parent(ends_with_starter)

    def start() -> subprocess.Popen[bytes]:
        log = folder.open_log()
        try:
            return subprocess.Popen(
                [str(part) for part in launch.command],
                env={**launch.environment, MARKER: str(folder.path)},
                cwd=launch.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=before_exec,  # noqa: PLW1509  system calls that need no lock
            )
        finally:
            os.close(log)

    return _starter.submit(start).result() if ends_with_starter else start()


def run_to_end(launch: Launch, folder: ServiceFolder, *, doing: str) -> Generator[str, None, int]:
    """Run a program that prepares a service: yields what it is doing between looks, returns its exit status.

    It is killed where the generator is closed before.
    """
    child = spawn(launch, folder)
    try:
        while (status := child.poll()) is None:
            yield doing
        return status
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def record_of(child: subprocess.Popen[bytes], *, ports: Mapping[str, int]) -> ProcessRecord:
    """What to remember of a process that was just started, and not waited for since."""
    return ProcessRecord(child.pid, psutil.Process(child.pid).create_time(), dict(ports))


def find(record: ProcessRecord | None, folder: ServiceFolder) -> psutil.Process | None:
    """The recorded process if it still runs; None where it ended or its number belongs to another one now."""
    if record is None:
        return None
    with suppress(psutil.Error):
        process = psutil.Process(record.pid)
        if is_alive(process) and _is_recorded(process, record, folder):
            return process
    return None


def is_alive(process: psutil.Process) -> bool:
    """Whether it has not ended, though its end may not have been noticed by the one that started it."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def remains(record: ProcessRecord | None) -> list[psutil.Process]:
    """The recorded process where it has ended but for threads of it, which hold its ports and its locks still."""
    if record is not None:
        with suppress(psutil.Error):
            process = psutil.Process(record.pid)
            if abs(process.create_time() - record.created) < SAME_START_S and _is_half_ended(process):
                return [process]
    return []


def family(folder: ServiceFolder) -> list[psutil.Process]:
    """Every running process of a service, also those that outlived the one that was started."""
    return [process for process in psutil.process_iter() if _belongs(process, folder)]


def end(processes: Iterable[psutil.Process], *, ask: signal.Signals, grace_s: float) -> None:
    """Ask processes to end, wait, and kill those that did not within `grace_s`."""
    waiting = list(processes)
    for process in waiting:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(ask)
    left = _wait(waiting, timeout_s=grace_s)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(left, timeout_s=KILLED_S)


def _wait(processes: Iterable[psutil.Process], *, timeout_s: float) -> list[psutil.Process]:
    """Those that have not ended in time. One that ended counts, though nobody has asked for its status yet."""
    deadline = time.monotonic() + timeout_s
    left = [process for process in processes if not _is_gone(process)]
    while left and time.monotonic() < deadline:
        time.sleep(POLL_S)
        left = [process for process in left if not _is_gone(process)]
    return left


def _is_gone(process: psutil.Process) -> bool:
    return not is_alive(process) and not _is_half_ended(process)


def _is_half_ended(process: psutil.Process) -> bool:
    # Of a killed process with many threads the first can have ended well before the last.
    with suppress(psutil.Error):
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() > 1
    return False


def _is_recorded(process: psutil.Process, record: ProcessRecord, folder: ServiceFolder) -> bool:
    with suppress(psutil.AccessDenied):
        if process.environ():
            return _is_marked(process, folder)
    # Its variables may not be read, or not yet, as it has just been started: its start has to tell.
    return abs(process.create_time() - record.created) < SAME_START_S


def _belongs(process: psutil.Process, folder: ServiceFolder) -> bool:
    # A process that ended, or is another user's, says nothing of itself: it is not ours.
    with suppress(psutil.Error):
        return is_alive(process) and _is_marked(process, folder)
    return False


def _is_marked(process: psutil.Process, folder: ServiceFolder) -> bool:
    if process.environ().get(MARKER) == str(folder.path):
        return True
    return process.name() in RENAMED and Path(process.cwd()).is_relative_to(folder.path)
