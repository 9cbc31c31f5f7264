"""Work with a limit."""

from __future__ import annotations

import threading

import pytest

from crypto_assets.archive.time_limit import GivenUp, within


def test_what_work_returns_or_raises_comes_back() -> None:
    assert within(30, lambda _: "done") == "done"
    assert within(30, lambda _: None) is None

    def fail(_: threading.Event) -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        within(30, fail)


def test_work_that_does_not_end_is_given_up_and_told_so() -> None:
    told = threading.Event()

    def wait(abandoned: threading.Event) -> None:
        abandoned.wait()
        told.set()

    with pytest.raises(GivenUp):
        within(0.05, wait)
    assert told.wait(30)
