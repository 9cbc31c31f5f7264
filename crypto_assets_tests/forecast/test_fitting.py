"""Epochs: their order, when they end, and what is left of them after a kill."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import TrainingFailed
from crypto_assets.forecast.fitting import epoch_order
from crypto_assets.forecast.kept import KeptArrays
from crypto_assets.forecast.network import TrainedNetwork
from crypto_assets.forecast.training_state import Epoch, EpochKeeper
from crypto_assets.lake.files import Files
from crypto_assets_tests.forecast.small_networks import NETWORK, Lesson, same, signal

OPTIONS = msgspec.structs.replace(NETWORK, dropout=0.1, patience=10)
"""With dropout, so that the random numbers of layers have to be kept as well."""


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return signal(rows=1_000)


@pytest.fixture(scope="module")
def undisturbed(lesson: Lesson) -> TrainedNetwork:
    return lesson.train(options=OPTIONS)


def keeper(folder: Path, *, key: str = "key") -> EpochKeeper:
    return EpochKeeper(KeptArrays(Files(str(folder)), "_training"), key=key)


class Ended(Exception):
    """A training that ends in the middle."""


def end_after(number: int) -> object:
    def look(epoch: Epoch) -> None:
        if epoch.number == number:
            raise Ended

    return look


@given(samples=st.integers(0, 300), seed=st.integers(0, 2**31), epoch=st.integers(1, 99))
def test_an_epoch_takes_every_sample_once_in_an_order_of_its_own(samples: int, seed: int, epoch: int) -> None:
    order = epoch_order(samples, seed=seed, epoch=epoch)
    assert sorted(order.tolist()) == list(range(samples))
    assert order.tolist() == epoch_order(samples, seed=seed, epoch=epoch).tolist()
    if samples > 50:
        assert order.tolist() != epoch_order(samples, seed=seed, epoch=epoch + 1).tolist()


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_training_that_was_ended_goes_on_to_the_very_same_weights(
    lesson: Lesson, undisturbed: TrainedNetwork, tmp_path: Path, after: int
) -> None:
    with pytest.raises(Ended):
        lesson.train(options=OPTIONS, keep=keeper(tmp_path), on_epoch=end_after(after))
    seen: list[int] = []
    resumed = lesson.train(options=OPTIONS, keep=keeper(tmp_path), on_epoch=lambda epoch: seen.append(epoch.number))
    assert seen == list(range(after + 1, 5))
    assert same(resumed, undisturbed)
    assert [(e.loss, e.validation_loss) for e in resumed.history] == [
        (e.loss, e.validation_loss) for e in undisturbed.history
    ]


def test_another_training_does_not_see_what_is_kept(lesson: Lesson, tmp_path: Path) -> None:
    with pytest.raises(Ended):
        lesson.train(options=OPTIONS, keep=keeper(tmp_path), on_epoch=end_after(2))
    assert keeper(tmp_path, key="other").read() is None
    assert keeper(tmp_path).read() is not None


@pytest.mark.parametrize("kept_share", [0.0, 0.5, 0.99])
def test_a_damaged_state_is_begun_anew(
    lesson: Lesson, undisturbed: TrainedNetwork, tmp_path: Path, kept_share: float
) -> None:
    with pytest.raises(Ended):
        lesson.train(options=OPTIONS, keep=keeper(tmp_path), on_epoch=end_after(1))
    (file,) = (tmp_path / "_training").glob("*.kept")
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept_share)])
    seen: list[int] = []
    anew = lesson.train(options=OPTIONS, keep=keeper(tmp_path), on_epoch=lambda epoch: seen.append(epoch.number))
    assert seen == [1, 2, 3, 4]
    assert same(anew, undisturbed)


def test_fitting_ends_without_a_better_epoch_and_takes_the_weights_of_the_best(lesson: Lesson) -> None:
    hasty = msgspec.structs.replace(NETWORK, learning_rate=0.3, epochs=30, patience=2)
    network = lesson.train(options=hasty)
    losses = [epoch.validation_loss for epoch in network.history]
    assert len(losses) == network.best_epoch + 2 < 30
    assert losses[network.best_epoch - 1] == min(losses)
    part = lesson.split.validation
    errors = lesson.samples.targets[part] - network.predict(lesson.table, lesson.samples.rows[part])
    assert np.mean((errors / network.target_scale) ** 2) == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("rate", [1e30, 1e4])
def test_a_training_that_diverges_says_so_and_what_to_change(lesson: Lesson, tmp_path: Path, rate: float) -> None:
    wild = msgspec.structs.replace(NETWORK, learning_rate=rate)
    with pytest.raises(TrainingFailed, match=r"diverged.*former checkpoint stays\. Lower network\.learning_rate"):
        lesson.train(options=wild, keep=keeper(tmp_path))
