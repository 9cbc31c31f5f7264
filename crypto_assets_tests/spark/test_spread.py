"""Work spread over a real Spark's Python processes: equal, told of one by one, and not lost with any process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from pyspark import SparkContext

from crypto_assets.errors import InputIncomplete, RateLimited, Unavailable
from crypto_assets.spark.failures import failure_of_spark
from crypto_assets.spark.spread import Outcome, spread
from crypto_assets_tests.spark.conftest import StartSpark
from crypto_assets_tests.waiting import wait_for


def doubled(number: int) -> int:
    return 2 * number


def refused_at(number: int, *, bad: int, folder: Path, error: Callable[[], Exception]) -> int:
    attempt = folder / f"{number}-{len(list(folder.glob(f'{number}-*')))}"
    attempt.touch()
    if number == bad:
        raise error()
    return number


def killed_at(number: int, *, bad: int, folder: Path, times: int) -> int:
    attempts = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{attempts}").touch()
    if number == bad and attempts < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def without_memory(number: int) -> int:
    return len(bytearray(2**60)) if number == 2 else number


def waits_for(number: int, *, waiting: int, folder: Path, deadline_s: float) -> int:
    (folder / f"begun-{number}").touch()
    if number == waiting:
        wait_for((folder / "go").exists, until=bool, deadline_s=deadline_s)
    return number


def ends_java(number: int, *, java: int) -> int:
    if number == 1:
        os.kill(java, signal.SIGKILL)
    return number


@dataclass
class Remembering:
    """Counts the items that one process has seen."""

    seen: int = 0

    def __call__(self, _: int) -> tuple[int, int]:
        self.seen += 1
        return os.getpid(), self.seen


def test_each_item_has_its_result_in_the_order_of_the_items(start_spark: StartSpark) -> None:
    told: list[int] = []

    outcomes = spread(start_spark(), list(range(7)), doubled, on_done=lambda outcome: told.append(outcome.item))

    assert [outcome.result for outcome in outcomes] == [0, 2, 4, 6, 8, 10, 12]
    assert sorted(told) == list(range(7))
    assert {outcome.attempts for outcome in outcomes} == {1}


def test_an_item_is_told_of_while_others_still_run(start_spark: StartSpark, work_folder: Path) -> None:
    work = partial(waits_for, waiting=2, folder=work_folder, deadline_s=120)

    outcomes = spread(start_spark(), [1, 2, 3], work, on_done=lambda _: (work_folder / "go").touch())

    assert [outcome.failure for outcome in outcomes] == [None] * 3


def test_whoever_is_stopped_stops_the_job_and_may_begin_another(start_spark: StartSpark, work_folder: Path) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread(start_spark(), [1, 2, 3], partial(waits_for, waiting=2, folder=work_folder, deadline_s=90), on_done=stop)

    assert [outcome.result for outcome in spread(start_spark(), [4], doubled)] == [8]


def test_nothing_to_do_is_no_job(start_spark: StartSpark) -> None:
    assert spread(start_spark(), [], doubled) == []


def test_neighbours_share_a_task_where_there_are_many(start_spark: StartSpark) -> None:
    processes = [outcome.result and outcome.result[0] for outcome in spread(start_spark(), range(40), Remembering())]

    assert sum(one != other for one, other in pairwise(processes)) < 8


def test_work_runs_in_other_processes_which_remember_from_item_to_item(start_spark: StartSpark) -> None:
    outcomes = spread(start_spark(), list(range(8)), Remembering())

    by_process: dict[int, list[int]] = {}
    for outcome in outcomes:
        assert outcome.result is not None
        process, seen = outcome.result
        by_process.setdefault(process, []).append(seen)
    assert os.getpid() not in by_process
    assert len(by_process) < 8
    assert all(sorted(seen) == list(range(1, len(seen) + 1)) for seen in by_process.values())


def test_what_one_call_remembers_is_forgotten_by_the_next(start_spark: StartSpark) -> None:
    results = [spread(start_spark(), [1], Remembering())[0].result for _ in range(3)]

    assert [result and result[1] for result in results] == [1, 1, 1]


def test_a_refused_item_is_told_by_its_own_sentence_and_not_tried_again(
    start_spark: StartSpark, work_folder: Path
) -> None:
    work = partial(refused_at, bad=2, folder=work_folder, error=partial(InputIncomplete, "bronze is missing"))

    outcomes = spread(start_spark(), [1, 2, 3], work)

    assert [outcome.result for outcome in outcomes] == [1, None, 3]
    failure = outcomes[1].failure
    assert failure is not None
    assert (failure.kind, failure.sentence, failure.retryable) == ("InputIncomplete", "bronze is missing", False)
    assert outcomes[1].attempts == 1
    assert len(list(work_folder.glob("2-*"))) == 1


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [(partial(Unavailable, "503"), 0.0), (partial(RateLimited, "429", retry_after_s=7.5), 7.5)],
)
def test_what_may_pass_is_tried_twice_and_stays_retryable(
    start_spark: StartSpark, work_folder: Path, error: Callable[[], Exception], wait_s: float
) -> None:
    outcomes = spread(start_spark(), [1, 2, 3], partial(refused_at, bad=1, folder=work_folder, error=error))

    failure = outcomes[0].failure
    assert failure is not None
    assert (failure.retryable, failure.wait_s, outcomes[0].attempts) == (True, wait_s, 2)
    assert [outcome.failure for outcome in outcomes[1:]] == [None, None]


def test_a_bug_is_told_with_its_place(start_spark: StartSpark, work_folder: Path) -> None:
    work = partial(refused_at, bad=3, folder=work_folder, error=partial(ZeroDivisionError, "by nought"))

    failure = spread(start_spark(), [3], work)[0].failure

    assert failure is not None
    assert failure.sentence == "ZeroDivisionError: by nought"
    assert "in refused_at" in failure.trace
    assert len(list(work_folder.glob("3-*"))) == 2


def test_an_item_whose_process_was_killed_is_done_by_another(start_spark: StartSpark, work_folder: Path) -> None:
    told: list[Outcome[int, int]] = []

    outcomes = spread(
        start_spark(), [1, 2, 3, 4], partial(killed_at, bad=3, folder=work_folder, times=1), on_done=told.append
    )

    assert [outcome.result for outcome in outcomes] == [1, 2, 3, 4]
    assert len(told) == 4
    assert len(list(work_folder.glob("3-*"))) == 2


def test_a_process_killed_amid_many_items_costs_a_second_attempt_of_its_tasks_items_alone(
    start_spark: StartSpark, work_folder: Path
) -> None:
    outcomes = spread(start_spark(), range(48), partial(killed_at, bad=20, folder=work_folder, times=1))

    assert [outcome.result for outcome in outcomes] == list(range(48))
    twice = [outcome.item for outcome in outcomes if outcome.attempts == 2]
    assert twice == list(range(12, 24))
    assert all(outcome.before and "was killed" in outcome.before.sentence for outcome in outcomes[12:24])
    assert {outcome.before for outcome in [*outcomes[:12], *outcomes[24:]]} == {None}


def test_an_item_that_kills_each_process_says_what_to_change_and_costs_no_other(
    start_spark: StartSpark, work_folder: Path
) -> None:
    outcomes = spread(start_spark(), [1, 2, 3, 4], partial(killed_at, bad=2, folder=work_folder, times=9))

    assert [outcome.result for outcome in outcomes] == [1, None, 3, 4]
    failure = outcomes[1].failure
    assert failure is not None
    assert "its Python process was killed" in failure.sentence
    assert "SPARK_TASKS" in failure.sentence


def test_a_task_without_memory_says_what_to_change(start_spark: StartSpark) -> None:
    outcomes = spread(start_spark(), [1, 2, 3], without_memory)

    assert [outcome.result for outcome in outcomes] == [1, None, 3]
    failure = outcomes[1].failure
    assert failure is not None
    assert "SPARK_TASKS" in failure.sentence
    assert "spark.executor.memoryOverhead" in failure.sentence


@pytest.mark.parametrize(
    ("said", "setting"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", "SPARK_MEMORY"),
        ("org.apache.spark.memory.SparkOutOfMemoryError: [UNABLE_TO_ACQUIRE_MEMORY]", "SPARK_MEMORY"),
        (
            "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Container killed by "
            "YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB physical memory used.",
            "spark.executor.memoryOverhead",
        ),
        ("ModuleNotFoundError: No module named 'crypto_assets'", "docs/spark.md"),
    ],
)
def test_what_a_cluster_says_becomes_what_to_change(said: str, setting: str) -> None:
    from pyspark.errors import PySparkException

    failure = failure_of_spark(PySparkException(f"Job aborted due to stage failure: Task 0 failed 4 times: {said}"))

    assert setting in failure.sentence


def test_a_killed_java_fails_what_is_left_retryably_and_the_next_session_works(start_spark: StartSpark) -> None:
    session = start_spark()
    java = SparkContext._gateway.proc.pid  # pyright: ignore

    outcomes = spread(session, list(range(30)), partial(ends_java, java=java))

    lost = [outcome for outcome in outcomes if outcome.failure is not None]
    assert outcomes[1] in lost
    for failure in (outcome.failure for outcome in lost):
        assert failure is not None
        assert failure.driver_lost
        assert failure.retryable
        assert "Spark's Java ended before it was done. What was written stays." in failure.sentence
    assert [outcome.result for outcome in spread(start_spark(), [5, 6], doubled)] == [10, 12]
