"""Calls that return, fail and hang."""

from __future__ import annotations

import threading

from crypto_assets.alerts.bounded import Calls, Failed
from crypto_assets.errors import LakeError


def fail(error: Exception) -> None:
    raise error


def test_a_call_gives_what_it_returns_or_why_not() -> None:
    calls = Calls()
    assert calls.begin("a", lambda: 7).result(limit_s=5) == 7
    refused = calls.begin("b", lambda: fail(ValueError("line one\nline two"))).result(limit_s=5)
    assert isinstance(refused, Failed)
    assert refused.reason == "ValueError: line one"
    told = calls.begin("c", lambda: fail(LakeError("The disk is full."))).result(limit_s=5)
    assert isinstance(told, Failed)
    assert told.reason == "The disk is full."


def test_a_call_that_hangs_is_waited_for_again_and_made_once() -> None:
    calls, release, made = Calls(), threading.Event(), list[int]()

    def hang() -> str:
        made.append(1)
        release.wait(30)
        return "at last"

    for _ in range(3):
        assert calls.begin("lake", hang).result(limit_s=0.01) == Failed("no answer came in time.")
    release.set()
    assert calls.begin("lake", hang).result(limit_s=30) == "at last"
    assert made == [1]
    assert calls.begin("lake", lambda: "anew").result(limit_s=30) == "anew"
