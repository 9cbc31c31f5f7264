"""Work that ends, or is given up: for a client that may wait for ever for what no longer answers."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread


class GivenUp(Exception):
    """Raised where work did not end within its limit; it may go on for a while, but is told so."""


def within[T](limit_s: float, work: Callable[[Event], T]) -> T:
    """What `work` returns or raises, where it does so within the limit; else raises GivenUp.

    It runs in a thread, as what hangs in foreign code can neither be interrupted nor cancelled; whoever waits can.
    `work` is handed an event that is set once nobody waits any more: it looks at it before a step that others see.
    """
    abandoned = Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(abandoned))
        except BaseException as error:  # it is raised where the result is waited for
            errors.append(error)

    thread = Thread(target=run, name="time-limit", daemon=True)
    thread.start()
    try:
        thread.join(limit_s)
    finally:
        abandoned.set()
    if errors:
        raise errors[0]
    if not results:
        raise GivenUp
    return results[0]
