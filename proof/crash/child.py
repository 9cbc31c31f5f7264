"""Work in a process of its own that may be killed: forked where the graph is imported already."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from crypto_assets.processes import end_with_parent, heed_signals

IMPORTED = (
    *("crypto_assets.definitions", "crypto_assets.runs.worker", "crypto_assets.features.compute", "pandas_ta"),
    *("crypto_assets.live.platform", "proof.crash.doing", "proof.crash.contents", "proof.crash.report"),
)


def forking(*modules: str) -> ForkServerContext:
    """Makes processes in which modules are imported already, so that what is killed is the run and not the import.

    Without a name they are those of the graph.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*(modules or IMPORTED)])
    return context


def start(
    context: ForkServerContext, work: Callable[[], None], *, environment: Mapping[str, str], log: Path
) -> ForkServerProcess:
    """A process that does `work` with just this environment, its output appended to the log; it ends with its parent.

    `work` is a function of a module, or a `partial` of one: it is sent there.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    child = context.Process(target=_as_program, args=(work, dict(environment), log))
    child.start()
    return child


@contextmanager
def ending(child: ForkServerProcess) -> Generator[ForkServerProcess]:
    """The child, which lives no longer than the block: one that was left alone would start its services again."""
    try:
        yield child
    finally:
        child.kill()
        child.join()


def _as_program(work: Callable[[], None], environment: Mapping[str, str], log: Path) -> None:
    heed_signals()
    end_with_parent(signal.SIGTERM)
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    work()
