"""Work on models in a process of its own: `python -m crypto_assets.forecast.worker <command>`, started by an asset.

Through Dagster Pipes it is handed its task and the limit of its memory, and its lines are seen in the run. It ends at
once when it is asked to (SIGINT, SIGTERM) or when its parent is gone: whatever it writes is whole or not there.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from dagster_pipes import open_dagster_pipes

from crypto_assets.errors import CryptoAssetsError, TrainingFailed
from crypto_assets.forecast.day_task import DayTask, Say
from crypto_assets.forecast.evaluating import evaluate_partition
from crypto_assets.forecast.training import train_partition
from crypto_assets.forecast.worker_answer import AnswerFile
from crypto_assets.forecast.worker_watch import watched
from crypto_assets.processes import end_with_parent, heed_signals

WORK: Mapping[str, Callable[[DayTask, Say], msgspec.Struct]] = {
    "train": train_partition,
    "evaluate": evaluate_partition,
}
"""What a worker can do, by its command."""


def main(arguments: Sequence[str]) -> int:
    """Do one task; the exit code is 0 where its answer is a result."""
    parser = argparse.ArgumentParser(prog="python -m crypto_assets.forecast.worker", description=__doc__)
    parser.add_argument("command", choices=sorted(WORK))
    parser.add_argument("--errors", type=Path, help="file that takes the standard error")
    parser.add_argument("--parent", type=int, help="process without which this one ends")
    given = parser.parse_args(arguments)
    heed_signals()  # the default ends a process in the middle of an epoch too, where Python would not get to a handler
    end_with_parent(signal.SIGKILL)
    if given.errors:
        _keep_errors(given.errors)
    with open_dagster_pipes() as pipes:
        answer = AnswerFile(Path(pipes.get_extra("answer")))
        task = msgspec.convert(pipes.get_extra("task"), DayTask)
        memory_mb = task.options.network.memory_mb
        try:
            with watched(
                memory_mb=memory_mb,
                parent=given.parent,
                on_memory=lambda used_mb: answer.failed(out_of_memory(used_mb, limit_mb=memory_mb)),
            ):
                result = WORK[given.command](task, pipes.log.info)
        except CryptoAssetsError as error:
            answer.failed(error)
            return 1
        answer.done(result)
    return 0


def out_of_memory(used_mb: int, *, limit_mb: int) -> TrainingFailed:
    """The error of a process that reached its limit."""
    return TrainingFailed(
        f"The process was ended at {used_mb:,} MB of resident memory; the limit, network.memory_mb, is {limit_mb:,}. "
        "The former checkpoint stays, and so do the epochs that are done. Raise memory_mb, or take fewer days, a "
        "smaller network.batch or fewer features."
    )


def _keep_errors(path: Path) -> None:
    """Let everything that goes to the standard error, from libraries too, go to a file."""
    with path.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
