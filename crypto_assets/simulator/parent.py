"""Ending with the process that started this one, however that one ends."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable

_LOOK_S = 1.0  # between looks at the parent's id
_GRACE_S = 5.0  # for open answers, then the process ends at once


def end_with_parent(pid: int, *, stop: Callable[[], None]) -> None:
    """Call `stop` once standard input is closed or this process has another parent than `pid`.

    The pipe closes in the moment in which the parent dies, unless a fork of it still holds the other end: then its
    id tells, within a second. (Linux could send a signal instead, but it does so as soon as the *thread* that
    started this process ends.)
    """
    threading.Thread(target=_watch, args=(pid, stop), name="parent-watch", daemon=True).start()


def _watch(pid: int, stop: Callable[[], None]) -> None:
    descriptor = sys.stdin.fileno()
    while os.getppid() == pid:
        readable, _, _ = select.select([descriptor], [], [], _LOOK_S)
        if readable and not os.read(descriptor, 1024):
            break
    stop()
    last_resort = threading.Timer(_GRACE_S, os._exit, args=(1,))
    last_resort.daemon = True
    last_resort.start()
