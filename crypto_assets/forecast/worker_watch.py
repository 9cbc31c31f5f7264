"""Ends a process that takes too much memory, or whose parent is gone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psutil

PERIOD_S = 0.1
MEMORY_EXIT, ORPHAN_EXIT = 3, 4
"""Exit codes."""


@contextmanager
def watched(*, memory_mb: int, parent: int | None, on_memory: Callable[[int], None]) -> Generator[None]:
    """While the block runs, end the process once its resident memory reaches `memory_mb` or its parent is another one.

    Measured ten times a second and not by a limit of the system: TensorFlow reserves far more address space than it
    uses, and what it cannot have ends it by a signal, without a word. `on_memory` is given the MB in the last moment.
    """
    over = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(over, memory_mb, parent, on_memory), name="memory limit", daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(over: threading.Event, memory_mb: int, parent: int | None, on_memory: Callable[[int], None]) -> None:
    own = psutil.Process()
    while not over.wait(PERIOD_S):
        used_mb = own.memory_info().rss // 2**20
        if used_mb >= memory_mb:
            on_memory(used_mb)
            os._exit(MEMORY_EXIT)
        if parent is not None and os.getppid() != parent:
            os._exit(ORPHAN_EXIT)
