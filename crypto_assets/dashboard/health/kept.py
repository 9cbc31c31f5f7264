"""Figures that are read beside the page: it shows what is known, and never waits for a slow store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from crypto_assets.dashboard.states import DOWN, sentence_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look[T]:
    """What is known of a figure at the moment of a look."""

    value: T | None
    """What was read last; None before the first time."""
    problem: str | None
    """Why the last attempt to read it failed, as a sentence."""
    age_s: float | None
    """Seconds since `value` was read."""

    @property
    def is_awaited(self) -> bool:
        """Whether it is being read for the first time."""
        return self.value is None and self.problem is None


class Kept[T]:
    """A figure that a thread reads anew when it is asked to `begin` and the last one is older than `every_s`.

    Where nobody asks, nothing is read. At most one thread reads at a time; threads do not keep the program from ending.
    """

    def __init__(self, read: Callable[[], T], *, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`read` may raise what a part of a page may: see DOWN of `states`."""
        self._read = read
        self._every_s = every_s
        self._clock = clock
        self._changed = threading.Condition()
        self._is_reading = False
        self._value: T | None = None
        self._problem: str | None = None
        self._read_at: float | None = None
        self._tried_at: float | None = None

    def begin(self) -> None:
        """Have it read anew if it is due, and wait for nothing."""
        with self._changed:
            self._start_if_due()

    def look(self, *, wait_s: float = 0.0) -> Look[T]:
        """What is known; before anything is, it waits so many seconds for an answer that `begin` asked for."""
        with self._changed:
            self._changed.wait_for(lambda: self._tried_at is not None, timeout=wait_s)
            age_s = None if self._read_at is None else max(0.0, self._clock() - self._read_at)
            return Look(self._value, self._problem, age_s)

    def _start_if_due(self) -> None:
        is_due = self._tried_at is None or self._clock() - self._tried_at >= self._every_s
        if is_due and not self._is_reading:
            self._is_reading = True
            threading.Thread(target=self._refresh, daemon=True).start()

    def _refresh(self) -> None:
        value: T | None = None
        problem: str | None = "It could not be read; the dashboard's log has the reason."
        try:
            value, problem = self._read(), None
        except DOWN as error:
            problem = sentence_of(error)
        finally:
            # Whatever went wrong, the next look tries again: a page whose figures silently stand still would lie.
            with self._changed:
                self._is_reading = False
                self._tried_at = self._clock()
                self._problem = problem
                if problem is None:
                    self._value, self._read_at = value, self._tried_at
                self._changed.notify_all()
