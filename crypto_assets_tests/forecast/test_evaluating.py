"""An evaluation of a day: honest, named leaks in the real artefacts, resumed, whole whatever happens in between."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from crypto_assets.errors import CheckpointError, InputIncomplete, LakeError
from crypto_assets.forecast import network
from crypto_assets.forecast.checkpoint import load_checkpoint
from crypto_assets.forecast.evaluating import evaluate_partition
from crypto_assets.forecast.evaluations import Evaluations
from crypto_assets.forecast.judge.leaks import LeakKind
from crypto_assets.forecast.network import Normaliser, fit_normaliser
from crypto_assets.forecast.options import NetworkOptions
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.forecast.training_sets import TrainingSets
from crypto_assets.lake.manifest import MANIFEST_FILE
from crypto_assets_tests.forecast.small_evaluations import (
    DAY,
    FILLED,
    OPTIONS,
    SYMBOL,
    FastTrainer,
    SmallEvaluation,
    make_evaluation,
    seconds,
    with_column,
)

NAME = "lstm_evaluation 2024-08-01 BTCUSDT"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SmallEvaluation:
    """A day with its model; do not change it."""
    return make_evaluation(tmp_path_factory.mktemp("made"))


@pytest.fixture
def world(made: SmallEvaluation, tmp_path: Path) -> SmallEvaluation:
    """A copy of it."""
    for path in made.folder.rglob("*"):
        if path.is_file() and ".locks" not in path.parts:
            place = tmp_path / path.relative_to(made.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    return SmallEvaluation(tmp_path)


def test_a_walk_is_judged_by_the_published_model_on_the_newest_fold_and_others_like_it(world: SmallEvaluation) -> None:
    answer = world.evaluate()

    assert (answer.evaluated, answer.fitted, answer.taken_over, answer.changed) == (True, 3, 0, True)
    assert world.said == [
        f"{NAME} fold 1/2, seed 7: 1 of 4 networks",
        f"{NAME} fold 1/2, seed 8: 2 of 4 networks",
        f"{NAME} fold 2/2, the published model: 3 of 4 networks",
        f"{NAME} fold 2/2, seed 8: 4 of 4 networks",
    ]
    evaluated = world.stored.evaluated
    assert evaluated.leaks == ()
    assert not evaluated.verdict.promote
    assert evaluated.verdict.sentence.startswith("does not beat persistence")
    assert world.kept == []
    rows = pl.DataFrame(pl.from_arrow(Evaluations(world.lake).forecasts(evaluated)))
    newest = rows.filter(pl.col("fold") == 2, pl.col("seed") == 7, pl.col("horizon") == 5)
    content = world.checkpoints.read(SYMBOL, DAY)
    stored = TrainingSets(world.lake).read(SYMBOL, DAY)
    assert content is not None
    assert stored is not None
    places = np.searchsorted(stored.table.as_of_us, newest["as_of_us"].to_numpy())
    again = load_checkpoint(content).predict(stored.table, places)[:, 1]
    np.testing.assert_allclose(newest["forecast"].to_numpy(), again, rtol=0, atol=1e-6 * again.std())
    assert evaluated.audited[0].startswith("2024-08-01 at 00:")


def test_the_same_evaluation_again_finds_itself_and_another_does_not(world: SmallEvaluation) -> None:
    world.evaluate(FastTrainer())
    before = world.stored
    world.said.clear()

    again = world.evaluate(FastTrainer())

    assert (again.evaluated, again.fitted, again.changed) == (False, 0, False)
    assert world.said == [f"{NAME}: the evaluation of this model with these options is there already"]
    assert world.stored == before
    assert world.evaluate(FastTrainer(), resamples=60).evaluated


def test_an_evaluation_whose_forecasts_are_damaged_is_made_again(world: SmallEvaluation) -> None:
    world.evaluate(FastTrainer())
    (forecasts,) = world.folder.rglob("forecasts-*.parquet")
    whole = forecasts.read_bytes()
    forecasts.write_bytes(whole[:-10])

    assert world.evaluate(FastTrainer()).evaluated
    assert forecasts.read_bytes() == whole


KILLED_AT_THE_SECOND = """
import os, signal, sys
from pathlib import Path
from crypto_assets_tests.forecast.small_evaluations import FastTrainer, SmallEvaluation
die = FastTrainer(before=lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == 2 else None)
SmallEvaluation(Path(sys.argv[1])).evaluate(die)
"""


def test_an_evaluation_that_is_killed_goes_on_with_the_next_network_to_the_same_end(world: SmallEvaluation) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_THE_SECOND, str(world.folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(world.kept) == 1
    assert Evaluations(world.lake).read(SYMBOL, DAY) is None

    trainer = FastTrainer()
    answer = world.evaluate(trainer)

    assert (answer.fitted, answer.taken_over, trainer.fits) == (2, 1, 2)
    assert world.kept == []
    resumed = world.stored.evaluated
    world.lake.files.remove(f"forecast/evaluations/symbol={SYMBOL}/date={DAY}/evaluation.json")
    world.evaluate(FastTrainer())
    assert world.stored.evaluated == resumed


def test_a_damaged_fit_that_was_kept_is_worth_as_much_as_none(world: SmallEvaluation) -> None:
    def stop(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.evaluate(FastTrainer(before=stop))
    first, _ = world.kept
    first.write_bytes(first.read_bytes()[:100])

    answer = world.evaluate(FastTrainer())
    assert (answer.fitted, answer.taken_over) == (2, 1)


@pytest.mark.parametrize("file", [".forecasts-", ".evaluation.json."])
def test_a_full_disk_leaves_the_former_evaluation_and_costs_no_network(
    world: SmallEvaluation, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    world.evaluate(FastTrainer())
    former = world.stored
    write = Path.write_bytes

    def write_until_full(path: Path, content: bytes) -> int:
        if path.name.startswith(file):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_until_full)
        with pytest.raises(LakeError, match="The disk is full"):
            world.evaluate(FastTrainer(), resamples=60, folds=3, test_share=0.75)

    assert world.stored == former
    Evaluations(world.lake).forecasts(former.evaluated)


def normalised_by_all_rows(table: FeatureTable, _: IntArray, *, window: int) -> Normaliser:
    return fit_normaliser(table, np.arange(window, len(table)), window=window)  # the first second has no return


def test_a_model_that_was_normalised_by_all_rows_is_not_promoted(
    world: SmallEvaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.checkpoints.files.remove(f"symbol={SYMBOL}/date={DAY}/lstm_checkpoint.keras")
    with monkeypatch.context() as patched:
        patched.setattr(network, "fit_normaliser", normalised_by_all_rows)
        world.train()

    world.evaluate(FastTrainer())

    (leak,) = world.stored.evaluated.leaks
    assert leak.kind is LeakKind.SCALER
    assert "fold 2, seed 7" in leak.sentence
    assert not world.stored.evaluated.verdict.promote
    assert world.stored.evaluated.verdict.sentence.startswith("scaler fitted on all data: not promoted")


def one_second_later(table: FeatureTable) -> FloatArray:
    """Takers of the second that opens when the row's own closes."""
    shares = table.values[:, table.features.index("taker_share_1s")]
    return np.append(shares[1:], shares[-1])


def return_that_follows(table: FeatureTable) -> FloatArray:
    return np.append(np.diff(np.log(table.close)), 0.0)


def interpolated(table: FeatureTable) -> FeatureTable:
    """The rows as they are when interpolated seconds are taken for real ones."""
    from crypto_assets.forecast.seconds import second_rows
    from crypto_assets.schemas import FLAGS

    klines = seconds()
    flags = klines["flags"].to_numpy() & ~FLAGS["filled"]
    place = klines.schema.get_field_index("flags")
    read = klines.set_column(place, klines.schema.field("flags"), [flags])
    rows = second_rows([read], symbol=SYMBOL, features=table.features)
    return replace(table, close=rows.close, values=rows.values)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (with_column("taker_share_1s", one_second_later), {LeakKind.OPEN_CANDLE}),
        (with_column("log_volume_1s", return_that_follows), {LeakKind.TARGET, LeakKind.OPEN_CANDLE}),
        (interpolated, {LeakKind.INTERPOLATED}),
    ],
)
def test_a_training_set_that_holds_the_future_is_named_beside_candles_that_do_not(
    tmp_path: Path, change: Callable[[FeatureTable], FeatureTable], kinds: set[LeakKind]
) -> None:
    world = make_evaluation(tmp_path, change=change)

    world.evaluate(FastTrainer())

    leaks = world.stored.evaluated.leaks
    assert {leak.kind for leak in leaks} == kinds, [str(leak) for leak in leaks]
    assert not world.stored.evaluated.verdict.promote


def test_the_interpolated_seconds_are_named_with_what_they_ought_to_be(tmp_path: Path) -> None:
    world = make_evaluation(tmp_path, change=interpolated)
    world.evaluate(FastTrainer())
    sentences = " ".join(leak.sentence for leak in world.stored.evaluated.leaks)
    assert f"{len(FILLED)} of {len(FILLED)} rows of filled candles do not carry the last real close" in sentences
    assert "that of 2024-08-01 00:06:40 is" in sentences


def test_a_set_whose_candles_have_changed_since_is_not_called_a_leak(world: SmallEvaluation) -> None:
    world.publish_seconds(seconds(seed=2))

    with pytest.raises(InputIncomplete, match=r"changed since\. Materialise .*, then lstm_training_set"):
        world.evaluate(FastTrainer())
    assert Evaluations(world.lake).read(SYMBOL, DAY) is None


def test_a_day_without_a_model_says_which_asset_to_make(tmp_path: Path) -> None:
    with pytest.raises(InputIncomplete, match=rf"^{NAME}: lstm_checkpoint was never materialised .*--select lstm_ch"):
        SmallEvaluation(tmp_path).evaluate()


def test_a_model_whose_training_set_is_gone_says_so(world: SmallEvaluation) -> None:
    world.lake.files.remove(f"forecast/training_sets/symbol={SYMBOL}/date={DAY}/{MANIFEST_FILE}")
    with pytest.raises(InputIncomplete, match=r"was fitted on a training set .* that the lake has not"):
        world.evaluate(FastTrainer())


def test_a_model_is_evaluated_on_its_own_version_of_the_training_set(world: SmallEvaluation) -> None:
    first = TrainingSets(world.lake).read(SYMBOL, DAY)
    assert first is not None
    newer = world.publish_set(with_column("log_count_1s", lambda table: np.zeros(len(table))))
    assert newer.sha256 != first.sha256

    world.evaluate(FastTrainer())

    assert world.stored.evaluated.training_set_sha256 == first.sha256
    assert world.stored.evaluated.leaks == ()


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("network", {"units": (5,)}, r"units is \(4,\), asked for \(5,\)"),
        ("data", {"horizons": (1,)}, r"horizons is \(1, 5\), asked for \(1,\)"),
        ("judge", {"test_share": 0.4}, "its split or its libraries"),
    ],
)
def test_a_model_of_other_options_is_refused_with_the_difference(
    world: SmallEvaluation, part: str, change: dict[str, Any], said: str
) -> None:
    changed = msgspec.structs.replace(getattr(OPTIONS, part), **change)
    task = msgspec.structs.replace(world.task(), options=msgspec.structs.replace(OPTIONS, **{part: changed}))

    with pytest.raises(InputIncomplete, match=said):
        evaluate_partition(task, world.said.append, make_trainer=FastTrainer())


def test_the_limit_of_memory_makes_no_other_model(world: SmallEvaluation) -> None:
    options = msgspec.structs.replace(OPTIONS, network=msgspec.structs.replace(OPTIONS.network, memory_mb=9_000))
    task = msgspec.structs.replace(world.task(), options=options)
    assert evaluate_partition(task, world.said.append, make_trainer=FastTrainer()).evaluated


def test_a_damaged_model_is_refused(world: SmallEvaluation) -> None:
    content = world.checkpoints.read(SYMBOL, DAY)
    assert content is not None
    world.checkpoints.files.publish(f"symbol={SYMBOL}/date={DAY}/lstm_checkpoint.keras", content[:-200])
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        world.evaluate(FastTrainer())


def test_a_network_without_our_layers_has_no_normaliser_to_look_at() -> None:
    from crypto_assets.forecast.evaluating_fits import scaler_of_layers

    with pytest.raises(CheckpointError, match="has no layer 'less_mean'"):
        scaler_of_layers([{"config": {"name": "dense"}}])


def test_what_lies_inside_a_network_is_what_it_was_fitted_with() -> None:
    from crypto_assets.forecast.evaluating_fits import scaler_of_layers

    mean, scale, targets = np.array([1.5, -2e-9]), np.array([3e4, 1e-7]), np.array([5e-4, 1e-3])
    built = network.build_network(mean, scale, targets, window=8, options=NetworkOptions(units=(4,)), seed=1)
    found = scaler_of_layers(built.whole.get_config()["layers"])
    for inside, given in zip(found, (mean, scale, targets), strict=True):
        np.testing.assert_allclose(inside, given, rtol=1e-12)


def test_the_day_is_the_one_that_was_asked_for(world: SmallEvaluation) -> None:
    task = msgspec.structs.replace(world.task(), day=date(2024, 8, 2))
    with pytest.raises(InputIncomplete, match="2024-08-02"):
        evaluate_partition(task, world.said.append)
