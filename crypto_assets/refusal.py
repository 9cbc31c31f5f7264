"""Ends a step with a sentence for people."""

from __future__ import annotations

import sys
import weakref
from typing import NoReturn

import dagster as dg


def refuse(sentence: str) -> NoReturn:
    """Fail the step at once and without a second attempt, saying only the sentence.

    Dagster prints the frames of whatever a step raises. Here they would all be its own, and bury the one line that
    helps. So Python is told to list none until this failure is done with.
    """
    failure = dg.Failure(description=sentence, allow_retries=False)
    sys.tracebacklimit = 0
    weakref.finalize(failure, _list_frames_again)
    raise failure from None


def _list_frames_again() -> None:
    if hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit
