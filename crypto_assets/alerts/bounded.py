"""Calls that may hang, each in a thread of its own: one that does not answer must not keep us from the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from crypto_assets.errors import CryptoAssetsError


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that gave nothing, and why."""

    reason: str
    error: Exception | None = None
    """None where it has not ended."""


class Call[T]:
    """A call under way. Its thread ends with the program, whatever it waits for."""

    def __init__(self, call: Callable[[], T], *, name: str) -> None:
        self._call = call
        self._value: T | Failed | None = None
        self.is_taken = False
        """Whether its result was asked for after its end."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def result(self, *, limit_s: float) -> T | Failed:
        """What it returned, or why nothing came within so many seconds."""
        self._thread.join(limit_s)
        if self._thread.is_alive():
            return Failed("no answer came in time.")
        self.is_taken = True
        return cast("T | Failed", self._value)

    def _run(self) -> None:
        try:
            self._value = self._call()
        except Exception as error:  # whatever it is becomes a fact that is told, and the other calls go on
            self._value = Failed(_words(error), error)


class Calls:
    """Makes calls by name, of each name one at a time: one that hangs is waited for again, not piled up."""

    def __init__(self) -> None:
        self._made: dict[str, Call[Any]] = {}

    def begin[T](self, name: str, call: Callable[[], T]) -> Call[T]:
        """The call of this name whose result nobody has taken yet, else this one, made now."""
        made = self._made.get(name)
        if made is None or made.is_taken:
            made = self._made[name] = Call(call, name=name)
        return made


def _words(error: Exception) -> str:
    if isinstance(error, CryptoAssetsError):
        return str(error)
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
