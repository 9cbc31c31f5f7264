"""Looks at what the platform needs, all at once, none of which may take long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

type State = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was seen of one thing, and what to do about it."""

    state: State
    sentence: str
    advice: str = ""
    """Empty where there is nothing to do."""


type Look = Callable[[], Diagnosis]


def examine(looks: Mapping[str, Look], *, within_s: float) -> dict[str, Diagnosis]:
    """What each look saw, in the order given; one that takes longer than all may together is a failure.

    A look runs in a thread that does not keep the program from ending: what hangs is left behind.
    """
    seen: dict[str, Diagnosis] = {}
    threads = [threading.Thread(target=_look, args=(name, look, seen), daemon=True) for name, look in looks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = Diagnosis("failure", f"No answer within {within_s:.0f} s.", "See that the address is right and its host up.")
    return {name: seen.get(name, late) for name in looks}


def _look(name: str, look: Look, seen: dict[str, Diagnosis]) -> None:
    from crypto_assets.errors import CryptoAssetsError

    try:
        seen[name] = look()
    except (CryptoAssetsError, OSError, ValueError) as error:
        seen[name] = Diagnosis("failure", f"{error}".partition("\n")[0])
