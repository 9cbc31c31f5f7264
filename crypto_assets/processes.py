"""Programs: their log, their end, and children that end with their parent."""

from __future__ import annotations

import ctypes
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from queue import SimpleQueue

import psutil

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>: the signal a child gets when its parent is gone, however it went
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
GRACE_S = 15.0
"""How long a program may take to end by itself; Dagster's servers need some seconds."""


def log_to_stderr() -> None:
    """Let a program of its own log from INFO on to its standard error, where a service's log is taken from."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)


def end_on_signals() -> None:
    """Let Ctrl-C and SIGTERM both raise KeyboardInterrupt, so that a program ends what it started.

    A shell starts what runs in its background with SIGINT ignored, which Python would keep.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def stop_on_signals(stop: Callable[[], object]) -> None:
    """Call this in a thread of its own, once, when Ctrl-C or SIGTERM comes. Must be called in the main thread.

    A handler interrupts the main thread wherever it is, even in a handler: a killed parent's threads end one by one,
    and Linux may send a signal for each. Were a lock asked for there that is held right then, as setting an Event does,
    all would wait forever; putting into a SimpleQueue asks for none.
    """
    told = SimpleQueue[int]()

    def wait() -> None:
        told.get()
        stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: told.put(number))


def start_child(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path | None, read_stdout: bool = False
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (a Ctrl-C reaches the parent only), its output appended to `log`.

    Without a log its output goes where that of this program goes; with `read_stdout` what it prints is a pipe to the
    caller.
    """
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") if log else nullcontext() as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if read_stdout else output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_prepare,  # noqa: PLW1509  system calls that need no lock, loaded before the fork
        )


def end_children(children: Iterable[subprocess.Popen[bytes]], *, grace_s: float = GRACE_S) -> None:
    """Ask the children to end, wait, then kill what is left of them and of everything they started."""
    running = [child for child in children if child.poll() is None]
    descendants = [process for child in running for process in _descendants(child.pid)]
    for child in running:
        child.terminate()
    deadline = time.monotonic() + grace_s
    for child in running:
        try:
            child.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    _, left = psutil.wait_procs(descendants, timeout=max(0.0, deadline - time.monotonic()))
    for process in left:
        _kill(process)
    psutil.wait_procs(left, timeout=grace_s)


def heed_signals() -> None:
    """In a child, before it becomes a program: let it be asked to end, whatever this process ignores.

    Children inherit that: a shell's background job ignores SIGINT, and Dagster, which gives SIGTERM the same meaning,
    then ignores both.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def end_with_parent(number: signal.Signals) -> None:
    """In a child, before it becomes a program: let it get this signal when its parent is gone, however that went."""
    if _LIBC:
        _LIBC.prctl(PR_SET_PDEATHSIG, number)


def _prepare() -> None:
    heed_signals()
    end_with_parent(signal.SIGTERM)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
