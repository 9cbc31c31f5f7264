"""Work on many items, spread over Spark's executors: one task an item, each told of by itself."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pyarrow as pa

from crypto_assets.spark.failures import Failure, driver_lost, failure_of_spark, failure_of_work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CLUSTER_TASKS = 64
"""Fewest tasks that wait for a cluster at once: it is told of enough work to add executors."""
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Outcome[I, R]:
    """What became of an item: a result, or the failure of its last attempt."""

    item: I
    result: R | None
    failure: Failure | None
    attempts: int
    took_s: float
    """Of the last attempt, from sending it to having its answer."""


def spread[I, R](
    session: SparkSession,
    items: Sequence[I],
    work: Callable[[I], R],
    *,
    on_done: Callable[[Outcome[I, R]], None] = lambda _: None,
) -> list[Outcome[I, R]]:
    """What `work` gives for each item, in their order; a failure of one leaves the others alone.

    Items, results and `work` are pickled. A Python process of Spark keeps `work`, and what it remembers, from item to
    item. Each item is a job of one task over its key, so that a lost process costs this item only. An item that failed
    is tried once more after all others, unless the work refused it for good; after a lost process alone. `on_done` is
    called for each outcome that is final, in this thread.
    """
    jobs = _Jobs(session, cast("Callable[[Any], Any]", work))
    final: dict[int, Outcome[I, R]] = {}
    waiting = list(range(len(items)))
    for attempt in range(1, ATTEMPTS + 1):
        alone = attempt > 1 and any(_of_spark(final.get(number)) for number in waiting)
        again: list[int] = []
        for number, outcome in jobs.run({n: items[n] for n in waiting}, attempt=attempt, alone=alone):
            final[number] = outcome
            if attempt < ATTEMPTS and _worth_another(outcome):
                again.append(number)
            else:
                on_done(outcome)
        waiting = sorted(again)
    return [final[number] for number in range(len(items))]


def _of_spark(outcome: Outcome[Any, Any] | None) -> bool:
    return outcome is not None and outcome.failure is not None and outcome.failure.of_spark


def _worth_another(outcome: Outcome[Any, Any]) -> bool:
    failure = outcome.failure
    return failure is not None and not failure.driver_lost and (failure.retryable or not failure.ours)


class _Jobs:
    """Runs items as Spark jobs of one task, several at once."""

    def __init__(self, session: SparkSession, work: Callable[[Any], Any]) -> None:
        from pyspark import cloudpickle

        self._session = session
        self._work: bytes = cloudpickle.dumps(work)
        self._token = uuid4().hex  # what one call remembers is never taken for another's
        self._at_once = _at_once(session)
        self._ended = threading.Event()

    def run(self, items: dict[int, Any], *, attempt: int, alone: bool) -> Iterator[tuple[int, Outcome[Any, Any]]]:
        """Outcomes by the number of their item, as they come."""
        pool = ThreadPoolExecutor(1 if alone else self._at_once, thread_name_prefix="spread")
        try:
            futures = {pool.submit(self._outcome, item, attempt): number for number, item in items.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            self._ended.set()
            self._interrupt()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _outcome(self, item: Any, attempt: int) -> Outcome[Any, Any]:
        began = perf_counter()
        result, failure = (None, driver_lost()) if self._ended.is_set() else self._answer(item)
        if failure is not None and failure.driver_lost:
            self._ended.set()
        return Outcome(item, result, failure, attempt, perf_counter() - began)

    def _answer(self, item: Any) -> tuple[Any, Failure | None]:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        task = _task(self._work, self._token, pickle.dumps(item))
        try:
            self._session.addTag(self._token)
            (row,) = self._session.range(0, 1, 1, 1).mapInArrow(task, "answer binary").collect()
        except (Py4JError, PySparkException, OSError, EOFError, UnboundLocalError) as error:
            # The last is what pyspark 4.2 stumbles over when Java ends between a job and its answer.
            return None, failure_of_spark(error)
        return pickle.loads(row["answer"])

    def _interrupt(self) -> None:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            self._session.interruptTag(self._token)
        except (Py4JError, PySparkException, OSError):
            return  # nothing runs any more


def _at_once(session: SparkSession) -> int:
    """Jobs to have under way: one more than there are places, so that none is empty between two."""
    if type(session).__module__.startswith("pyspark.sql.connect"):
        return CLUSTER_TASKS
    context = session.sparkContext
    places = context.defaultParallelism
    return places + 1 if (context.master or "").startswith("local") else max(CLUSTER_TASKS, 2 * places)


def _task(work: bytes, token: str, item: bytes) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"answer": pa.array([answer(work, token, item)], pa.binary())})

    return task


_kept: dict[str, Callable[[Any], Any]] = {}
"""In a Python process of Spark: the work of the last call of `spread` that it had a part in."""


def answer(work: bytes, token: str, item: bytes) -> bytes:
    """Pickled result and failure of one item, as a task gives it; what the work raises becomes the failure."""
    try:
        if token not in _kept:
            _kept.clear()
            _kept[token] = pickle.loads(work)
        return pickle.dumps((_kept[token](pickle.loads(item)), None))
    except Exception as error:  # whatever it is, the driver tells of it by the item's name
        return pickle.dumps((None, failure_of_work(error)))
