"""A figure is read beside the page, once at a time, and says when it could not be."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import redis

from crypto_assets.dashboard.health.kept import Kept, Look
from crypto_assets.errors import LakeError
from crypto_assets_tests.waiting import wait_for

LONG_S = 30.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_read_before_somebody_asks() -> None:
    asked: list[int] = []
    kept = Kept(lambda: asked.append(1), every_s=1)
    assert kept.look() == Look(None, None, None)
    assert kept.look().is_awaited
    assert asked == []


def test_the_first_look_waits_for_an_answer_and_later_ones_do_not() -> None:
    released = threading.Event()
    kept = Kept(lambda: released.wait(LONG_S), every_s=0)
    kept.begin()
    assert kept.look(wait_s=0.01).is_awaited
    released.set()
    assert kept.look(wait_s=LONG_S).value is True
    released.clear()
    kept.begin()
    assert kept.look(wait_s=LONG_S).value is True
    released.set()


def test_a_figure_is_read_again_only_when_it_is_old() -> None:
    clock, reads = Clock(), iter(range(10))
    kept = Kept(lambda: next(reads), every_s=5, clock=clock)
    kept.begin()
    assert kept.look(wait_s=LONG_S) == Look(0, None, 0.0)
    clock.now = 4.9
    kept.begin()
    assert kept.look() == Look(0, None, 4.9)
    clock.now = 5.0
    kept.begin()
    wait_for(kept.look, until=lambda look: look.value == 1, deadline_s=LONG_S)


def test_only_one_thread_reads_at_a_time() -> None:
    entered, released = threading.Semaphore(0), threading.Event()
    kept = Kept(lambda: (entered.release(), released.wait(LONG_S)), every_s=0)
    for _ in range(5):
        kept.begin()
    assert entered.acquire(timeout=LONG_S)
    assert not entered.acquire(timeout=0.05)
    released.set()


def failing_once(error: Exception) -> Callable[[], str]:
    outcomes = itertools.chain([error], itertools.repeat("well"))

    def read() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return read


def test_a_figure_that_could_not_be_read_says_why_and_is_tried_again() -> None:
    for error, sentence in (
        (LakeError("The bucket is gone."), "The bucket is gone."),
        (redis.ConnectionError("redis://user:secret@host"), "Redis does not answer. See `make status`"),
    ):
        kept = Kept(failing_once(error), every_s=0)
        kept.begin()
        problem = kept.look(wait_s=LONG_S).problem
        assert problem is not None
        assert problem.startswith(sentence)
        wait_for(
            lambda kept=kept: (kept.begin(), kept.look())[1], until=lambda look: look.value == "well", deadline_s=30
        )
        assert kept.look().problem is None


def test_what_was_known_stays_beside_the_reason_that_it_is_old() -> None:
    outcomes = itertools.chain(["known"], itertools.repeat(LakeError("gone")))

    def read() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, LakeError):
            raise outcome
        return outcome

    kept = Kept(read, every_s=0)
    kept.begin()
    assert kept.look(wait_s=LONG_S).value == "known"
    kept.begin()
    look = wait_for(kept.look, until=lambda look: look.problem is not None, deadline_s=LONG_S)
    assert (look.value, look.problem) == ("known", "gone")
