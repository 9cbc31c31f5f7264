"""A model of a day is trained and published whole, whatever happens in between."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from crypto_assets.errors import InputIncomplete, LakeError, TrainingFailed
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.checkpoint import read_card
from crypto_assets.forecast.day_task import DayTask
from crypto_assets.forecast.training import TrainAnswer, train_partition
from crypto_assets_tests.forecast.small_networks import DATA
from crypto_assets_tests.forecast.small_trainings import DAY, SYMBOL, SmallTraining, make_training

ROWS = np.arange(DATA.window - 1, 900)


@pytest.fixture
def training(tmp_path: Path) -> SmallTraining:
    return make_training(tmp_path)


def train(task: DayTask) -> tuple[TrainAnswer, list[str]]:
    """The answer, and what was said meanwhile."""
    said: list[str] = []
    return train_partition(task, said.append), said


def test_a_model_is_trained_told_of_by_epoch_and_published(training: SmallTraining) -> None:
    answer, said = train(training.task())
    assert [line.partition(" loss")[0] for line in said] == [
        f"lstm_checkpoint 2024-08-02 BTCUSDT epoch {number}/4" for number in range(1, 5)
    ]
    assert (answer.trained, answer.changed, answer.resumed_after) == (True, True, 0)
    assert answer.uri == f"{training.checkpoints_uri}/symbol=BTCUSDT/date=2024-08-02/lstm_checkpoint.keras"
    assert training.loaded().card == answer.card
    assert training.kept == []
    assert answer.card.as_of_day == DAY


def test_the_same_training_again_finds_its_model_and_another_seed_does_not(training: SmallTraining) -> None:
    first, _ = train(training.task())
    content = training.checkpoints.read(SYMBOL, DAY)
    again, said = train(training.task())
    assert (again.trained, again.changed) == (False, False)
    assert said == [
        "lstm_checkpoint 2024-08-02 BTCUSDT: the model of this training set and these options is there already"
    ]
    assert training.checkpoints.read(SYMBOL, DAY) == content
    other, _ = train(training.task(seed=8))
    assert other.trained
    assert other.card.training_key != first.card.training_key


def test_a_damaged_model_is_replaced(training: SmallTraining) -> None:
    answer, _ = train(training.task())
    path = Path(answer.uri)
    path.write_bytes(path.read_bytes()[:-100])
    again, _ = train(training.task())
    assert again.trained
    assert read_card(path.read_bytes()).training_key == answer.card.training_key


PROGRAM = """
import sys, msgspec
from crypto_assets.forecast.day_task import DayTask
from crypto_assets.forecast.training import train_partition
train_partition(msgspec.json.decode(sys.stdin.read(), type=DayTask), lambda line: print(line, flush=True))
"""


def test_a_training_that_is_killed_goes_on_after_its_last_whole_epoch_to_the_same_model(
    training: SmallTraining,
) -> None:
    long = {"epochs": 40, "patience": 40, "dropout": 0.1}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(training.task(**long)).decode())
    process.stdin.close()
    for line in process.stdout:
        if "epoch 3/40" in line:
            break
    process.kill()
    process.wait()
    process.stdout.close()
    assert training.checkpoints.read(SYMBOL, DAY) is None
    assert len(training.kept) == 1

    resumed, said = train(training.task(**long))
    assert 3 <= resumed.resumed_after < 40
    assert said[0].endswith(f"goes on after epoch {resumed.resumed_after}, which a training that was ended had kept")
    assert len(said) == 1 + 40 - resumed.resumed_after
    assert training.kept == []

    undisturbed = dataclasses.replace(training, models="undisturbed")
    expected, _ = train(undisturbed.task(**long))
    assert _losses(resumed.card) == _losses(expected.card)
    np.testing.assert_array_equal(
        training.loaded().predict(training.table, ROWS), undisturbed.loaded().predict(training.table, ROWS)
    )


def _losses(card: ModelCard) -> list[tuple[float, float]]:
    return [(epoch.loss, epoch.validation_loss) for epoch in card.history]


def test_a_full_disk_leaves_the_former_model_and_costs_no_epoch(
    training: SmallTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, _ = train(training.task())
    write = Path.write_bytes

    def write_until_full(path: Path, content: bytes) -> int:
        if ".lstm_checkpoint.keras." in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_until_full)
        with pytest.raises(LakeError, match=r"The disk is full: free space, or point CHECKPOINTS_URI elsewhere"):
            train(training.task(seed=8))
    assert training.loaded().card == former.card
    later, said = train(training.task(seed=8))
    assert later.resumed_after == 4
    assert not any("loss" in line for line in said)
    assert training.loaded().card.seeds == (8,)


def test_a_training_that_diverges_leaves_the_former_model(training: SmallTraining) -> None:
    former, _ = train(training.task())
    with pytest.raises(TrainingFailed, match=r"diverged.*The former checkpoint stays"):
        train(training.task(learning_rate=1e30))
    assert training.loaded().card == former.card


def test_of_two_trainings_of_a_day_at_once_one_trains_and_the_other_waits_for_its_model(
    training: SmallTraining,
) -> None:
    lines: list[str] = []
    waits = threading.Event()
    answers: list[TrainAnswer] = []

    def second() -> None:
        answers.append(train_partition(training.task(), lambda line: waits.set() if "waits for" in line else None))

    other = threading.Thread(target=second)

    def say(line: str) -> None:
        lines.append(line)
        if "epoch 1/" in line:
            other.start()
            assert waits.wait(30)

    answers.append(train_partition(training.task(), say))
    other.join(60)
    assert [answer.trained for answer in answers] == [True, False]
    assert answers[0].sha256 == answers[1].sha256
    assert len(lines) == 4


def test_a_day_without_a_training_set_says_which_asset_to_make(tmp_path: Path) -> None:
    empty = make_training(tmp_path, days=())
    with pytest.raises(InputIncomplete, match=r"lstm_training_set was never materialised .*--partition '2024-08-02"):
        train(empty.task())


def test_a_training_set_of_other_options_is_refused_with_the_difference(training: SmallTraining) -> None:
    task = training.task()
    other = msgspec.structs.replace(task.options, data=msgspec.structs.replace(DATA, window=9))
    with pytest.raises(InputIncomplete, match=r"window is 8, asked for 9\. The former lstm_checkpoint stays"):
        train(msgspec.structs.replace(task, options=other))
