"""Work on many items, spread over Spark's executors: one job, each item told of by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_assets.spark.failures import Failure
from crypto_assets.spark.jobs import Answer, Broken, Jobs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Outcome[I, R]:
    """What became of an item: a result, or the failure of its last attempt."""

    item: I
    result: R | None
    failure: Failure | None
    attempts: int
    took_s: float
    """Of the last attempt, in its task."""
    before: Failure | None = None
    """Why the attempt before the last one failed."""


def spread[I, R](
    session: SparkSession,
    items: Sequence[I],
    work: Callable[[I], R],
    *,
    on_done: Callable[[Outcome[I, R]], None] = lambda _: None,
) -> list[Outcome[I, R]]:
    """What `work` gives for each item, in their order; a failure of one leaves the others alone.

    Items, results and `work` are pickled. A Python process of Spark keeps `work`, and what it remembers, from item to
    item; neighbours in `items` mostly meet the same process. An item that failed is tried once more after all others,
    unless the work refused it for good. Where a process is lost, the items of its task are tried once more each in a
    job of its own, and the others that were not done yet in a job of one item a task. `on_done` is called for each
    outcome that is final, in this thread, when its task has ended.
    """
    return _Spreading(session, items, work, on_done).outcomes()


class _Spreading[I, R]:
    """Which items wait, which are done."""

    def __init__(
        self,
        session: SparkSession,
        items: Sequence[I],
        work: Callable[[I], R],
        on_done: Callable[[Outcome[I, R]], None],
    ) -> None:
        self._jobs = Jobs(session, items, work)
        self._items = items
        self._on_done = on_done
        self._attempts = [0] * len(items)
        self._before: dict[int, Failure] = {}
        self._final: dict[int, Outcome[I, R]] = {}
        self._again: list[int] = []
        self._alone: list[int] = []

    def outcomes(self) -> list[Outcome[I, R]]:
        """Runs jobs until every item has its outcome."""
        waiting = deque([(tuple(range(len(self._items))), self._jobs.a_task())] if self._items else [])
        while waiting:
            numbers, a_task = waiting.popleft()
            broken = self._jobs.run(numbers, self._take, a_task=a_task)
            if broken is not None and broken.failure.driver_lost:
                self._fail_all(broken.failure)
                break
            if broken is not None:
                waiting.extendleft((part, 1) for part in reversed(self._rest(numbers, broken)))
            if not waiting:
                waiting.extend(self._second_attempts())
        return [self._final[number] for number in range(len(self._items))]

    def _take(self, answer: Answer) -> None:
        number, failure = answer.number, answer.failure
        self._attempts[number] += 1
        if failure is not None and self._attempts[number] < ATTEMPTS and (failure.retryable or not failure.ours):
            self._before[number] = failure
            (self._alone if failure.of_spark else self._again).append(number)
        else:
            self._finish(answer)

    def _finish(self, answer: Answer) -> None:
        number = answer.number
        self._final[number] = outcome = Outcome(
            self._items[number],
            answer.result,
            answer.failure,
            self._attempts[number],
            answer.took_s,
            self._before.get(number),
        )
        self._on_done(outcome)

    def _rest(self, numbers: Sequence[int], broken: Broken) -> list[tuple[int, ...]]:
        """Jobs for what a broken one left undone, beside the items of the lost process."""
        waits = {*self._again, *self._alone}
        left = [number for number in numbers if number not in self._final and number not in waits]
        if not broken.failure.of_spark or len(left) == 1:
            for number in left:  # what stops one task here stops every one
                self._take(Answer(number, None, broken.failure))
            return []
        if lost := [number for number in left if number in broken.numbers]:
            for number in lost:
                self._take(Answer(number, None, broken.failure))
            others = tuple(number for number in left if number not in broken.numbers)
            return [others] if others else []
        middle = len(left) // 2
        return [tuple(left[:middle]), tuple(left[middle:])]

    def _second_attempts(self) -> list[tuple[tuple[int, ...], int]]:
        again, alone = sorted(self._again), sorted(self._alone)
        self._again.clear()
        self._alone.clear()
        together = [(tuple(again), 1)] if again else []
        return [*together, *(((number,), 1) for number in alone)]

    def _fail_all(self, failure: Failure) -> None:
        for number in range(len(self._items)):
            if number not in self._final:
                self._finish(Answer(number, None, failure))
