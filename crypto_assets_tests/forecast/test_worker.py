"""A worker hands back its answer or its error, and ends where it takes too much or nobody waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from crypto_assets.errors import LakeBusy, TrainingFailed
from crypto_assets.forecast.day_task import DayTask
from crypto_assets.forecast.training import TrainAnswer, train_partition
from crypto_assets.forecast.worker import out_of_memory
from crypto_assets.forecast.worker_answer import AnswerFile
from crypto_assets.forecast.worker_watch import MEMORY_EXIT, ORPHAN_EXIT
from crypto_assets_tests.forecast.small_trainings import make_training


def test_a_task_and_its_answer_go_through_json_unchanged(tmp_path: Path) -> None:
    task = make_training(tmp_path).task()
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(task))), DayTask) == task
    answer = train_partition(task, lambda _: None)
    file = AnswerFile(tmp_path / "answer.json")
    assert file.read(TrainAnswer) is None
    file.done(answer)
    assert file.read(TrainAnswer) == answer


@pytest.mark.parametrize("error", [TrainingFailed("it diverged"), LakeBusy("later"), out_of_memory(9, limit_mb=8)])
def test_an_error_is_raised_as_it_was_in_the_worker(tmp_path: Path, error: TrainingFailed | LakeBusy) -> None:
    file = AnswerFile(tmp_path / "answer.json")
    file.failed(error)
    with pytest.raises(type(error)) as raised:
        file.read(TrainAnswer)
    assert str(raised.value) == str(error)
    assert raised.value.retryable == error.retryable


WATCHED = """
import sys
from pathlib import Path
from crypto_assets.forecast.worker_watch import watched
path, memory_mb, parent = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with watched(memory_mb=memory_mb, parent=parent, on_memory=lambda mb: path.write_text(str(mb))):
    taken = bytearray(64 * 2**20) if memory_mb < 2**20 else b""
    sys.stdin.read()
"""


def watched(path: Path, *, memory_mb: int, parent: int) -> int:
    """Exit code of a process that waits for ever, unless it is ended."""
    command = [sys.executable, "-c", WATCHED, str(path), str(memory_mb), str(parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        return process.wait(60)


def test_a_process_ends_itself_at_its_limit_of_memory_and_says_how_much_it_had(tmp_path: Path) -> None:
    assert watched(tmp_path / "mb", memory_mb=64, parent=os.getpid()) == MEMORY_EXIT
    assert int((tmp_path / "mb").read_text()) >= 64


def test_a_process_ends_without_its_parent(tmp_path: Path) -> None:
    assert watched(tmp_path / "mb", memory_mb=2**20, parent=1) == ORPHAN_EXIT
    assert not (tmp_path / "mb").exists()
