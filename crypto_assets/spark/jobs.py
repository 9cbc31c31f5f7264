"""Spark jobs over many items: their answers as tasks end, and which items a lost process had."""

from __future__ import annotations

import pickle  # nosec B403 # of what this program pickled itself, between its own processes
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import uuid4

import pyarrow as pa

from crypto_assets.spark.failures import Failure, failure_of_spark, failure_of_work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CLUSTER_PLACES = 64
"""Fewest tasks that a cluster is taken to run at once: where more wait than it has executors for, it adds some."""
MOST_A_TASK = 16
"""Items of a task: to begin one costs as much as a short item, to read what neighbours share as well; but they are told
of when it ends, and a lost process costs all of them."""
LOOK_S = 0.1
"""Between two looks for answers while a job runs."""
_TASK_GIVEN_UP = re.compile(r"Task (\d+) in stage")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an item in its task."""

    number: int
    result: Any
    failure: Failure | None
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a job ended before all of its items had their answers."""

    failure: Failure
    numbers: frozenset[int]
    """Items of the task that Spark gave the job up for; none where it does not say which."""


class Told(Protocol):
    """Takes answers from a task to the driver."""

    def add(self, term: list[bytes]) -> None: ...


class Joined:
    """How Spark adds up what tasks tell: one list. Its base in pyspark is but a type, and not imported for it."""

    def zero(self, _: list[bytes]) -> list[bytes]:
        return []

    def addInPlace(self, value1: list[bytes], value2: list[bytes]) -> list[bytes]:  # noqa: N802
        value1 += value2
        return value1


class Jobs:
    """Runs the same work on some of its items at a time."""

    def __init__(self, session: SparkSession, items: Sequence[Any], work: Callable[[Any], Any]) -> None:
        from pyspark import cloudpickle

        self._session = session
        self._items = [pickle.dumps(item) for item in items]
        self._work: bytes = cloudpickle.dumps(work)
        self._token = uuid4().hex  # what the work of one call remembers is never taken for another's
        self._is_connect = type(session).__module__.startswith("pyspark.sql.connect")

    def a_task(self) -> int:
        """Items that a task has where all are to be done: as many tasks for each place, so that none waits long."""
        places = self._places()
        waves = -(-len(self._items) // (MOST_A_TASK * places))
        return -(-len(self._items) // max(1, waves * places)) or 1

    def run(self, numbers: Sequence[int], take: Callable[[Answer], None], *, a_task: int) -> Broken | None:
        """Run one job over these items, neighbours in one task; `take` is called in this thread, once an answer.

        Answers come when their task ends, and stay whatever becomes of the job; over Connect they come in the order of
        the tasks.
        """
        tasks = -(-len(numbers) // a_task)
        answers: list[bytes] = []
        told = None if self._is_connect else self._session.sparkContext.accumulator(answers, cast("Any", Joined()))
        task = _task(self._work, self._token, [(number, self._items[number]) for number in numbers], told)
        taken: set[int] = set()

        def take_new(seen: int) -> int:
            for told_answer in answers[seen:]:
                answer: Answer = pickle.loads(told_answer)  # nosec B301 # of a worker of our own session
                if answer.number not in taken:
                    taken.add(answer.number)
                    take(answer)
            return len(answers)

        with ThreadPoolExecutor(1, thread_name_prefix="spread") as pool:
            job = pool.submit(self._collect, len(numbers), tasks, task, answers)
            seen = 0
            try:
                while not _ended(job):
                    seen = take_new(seen)
            except BaseException:
                self._interrupt()
                raise
        failure = job.result()
        take_new(seen)
        return failure and Broken(failure, _of_task(numbers, tasks, failure.trace))

    def _places(self) -> int:
        if self._is_connect:
            return CLUSTER_PLACES
        context = self._session.sparkContext
        places = context.defaultParallelism
        return places if (context.master or "").startswith("local[") else max(places, CLUSTER_PLACES)

    def _collect(self, count: int, tasks: int, task: Task, answers: list[bytes]) -> Failure | None:
        """Answers that are told early stand among `answers` twice."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            self._tag()
            frame = self._session.range(0, count, 1, tasks).mapInArrow(task, "answer binary")
            rows = frame.toLocalIterator() if self._is_connect else frame.collect()
            answers.extend(row["answer"] for row in rows)
        except (Py4JError, PySparkException, OSError, EOFError, UnboundLocalError) as error:
            # The last is what pyspark 4.2 stumbles over when Java ends between a job and its answer.
            return failure_of_spark(error)
        return None

    def _tag(self) -> None:
        """Marks the jobs of this thread, so that another can stop them."""
        if self._is_connect:
            self._session.addTag(self._token)
        else:
            self._session.sparkContext.addJobTag(self._token)

    def _interrupt(self) -> None:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            if self._is_connect:
                self._session.interruptTag(self._token)
            else:
                self._session.sparkContext.cancelJobsWithTag(self._token)
        except (Py4JError, PySparkException, OSError):
            return  # nothing runs any more


type Task = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def _ended(job: Future[Failure | None]) -> bool:
    return bool(wait([job], timeout=LOOK_S).done)


def _of_task(numbers: Sequence[int], tasks: int, text: str) -> frozenset[int]:
    """Items of the task that Spark's error names; Spark divides a range so."""
    named = _TASK_GIVEN_UP.search(text)
    if named is None:
        return frozenset()
    task = int(named[1])
    return frozenset(numbers[task * len(numbers) // tasks : (task + 1) * len(numbers) // tasks])


def _task(work: bytes, token: str, items: Sequence[tuple[int, bytes]], told: Told | None) -> Task:
    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            given = [answer(work, token, *items[place]) for place in batch.column(0).to_pylist()]
            if told is not None:
                told.add(given)
            yield pa.RecordBatch.from_pydict({"answer": pa.array(given, pa.binary())})

    return task


_kept: dict[str, Callable[[Any], Any]] = {}
"""In a Python process of Spark: the work of the last call of `spread` that it had a part in."""


def answer(work: bytes, token: str, number: int, item: bytes) -> bytes:
    """Pickled Answer of one item, as a task gives it; what the work raises becomes the failure."""
    began = perf_counter()
    try:
        if token not in _kept:
            _kept.clear()
            _kept[token] = pickle.loads(work)  # nosec B301 # of the driver that started this worker
        result = _kept[token](pickle.loads(item))  # nosec B301 # likewise
        return pickle.dumps(Answer(number, result, None, perf_counter() - began))
    except Exception as error:  # whatever it is, the driver tells of it by the item's name
        return pickle.dumps(Answer(number, None, failure_of_work(error), perf_counter() - began))
