"""Ending with the process that started this one, however that one ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

_LOOK_S = 0.5  # between looks at the parent's id
_GRACE_S = 5.0  # for open answers, then the process ends at once


def stop_with_parent(pid: int, *, stop: Callable[[], None]) -> None:
    """Call `stop` as soon as this process has another parent than `pid`.

    Linux could send a signal at that moment, but it does so already when the *thread* that started this process ends;
    and a pipe from the parent stays open as long as any fork of it lives.
    """
    threading.Thread(target=_watch, args=(pid, stop), name="parent-watch", daemon=True).start()


def _watch(pid: int, stop: Callable[[], None]) -> None:
    never = threading.Event()
    while os.getppid() == pid:
        never.wait(_LOOK_S)
    stop()
    last_resort = threading.Timer(_GRACE_S, os._exit, args=(1,))
    last_resort.daemon = True
    last_resort.start()
