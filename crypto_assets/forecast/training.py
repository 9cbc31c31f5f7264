"""Trains the model of a partition: from its training set to the published file, resumed where it was killed."""

from __future__ import annotations

import hashlib
import resource

import msgspec

from crypto_assets.errors import CheckpointError, InputIncomplete
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.card_making import Origin, make_card, training_key
from crypto_assets.forecast.checkpoint import read_card, write_checkpoint
from crypto_assets.forecast.checkpoints import NAME, Checkpoints
from crypto_assets.forecast.day_task import DayTask, Say
from crypto_assets.forecast.network import train_network
from crypto_assets.forecast.options import differences
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET, StoredSet, TrainingSets
from crypto_assets.forecast.training_state import Epoch
from crypto_assets.lake.lake import Lake


class TrainAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a training came to."""

    card: ModelCard
    uri: str
    bytes: int
    sha256: str
    trained: bool
    """False where the day had the very model already."""
    resumed_after: int
    """Epochs that a training which was ended had kept."""
    changed: bool
    peak_mb: int
    """Most resident memory that the process had."""


def train_partition(task: DayTask, say: Say) -> TrainAnswer:
    """Train and publish the model of a day, on the newest fold's split of its training set.

    A day that has the model of this training set, split, options and seed keeps it; beside another training of the day
    this one waits. Raises InputIncomplete where the training set is absent, was made with other options or is too
    small, TrainingFailed where the loss diverges, and LakeError where a store cannot be used: the former model stays
    and so do the epochs that are done.
    """
    checkpoints = Checkpoints(task.checkpoints_uri)
    where = f"{NAME} {task.day} {task.symbol}"
    with checkpoints.training(
        task.symbol, task.day, on_wait=lambda: say(f"{where} waits for another training of this day")
    ):
        stored = _read_set(task, where=where)
        return _train_alone(task, stored, checkpoints, say, where=where)


def _train_alone(task: DayTask, stored: StoredSet, checkpoints: Checkpoints, say: Say, *, where: str) -> TrainAnswer:
    network, data = task.options.network, stored.options
    samples = stored.samples()
    split = walk_forward(stored.table, samples, data=data, judge=task.options.judge)[-1]
    key = training_key(training_set_sha256=stored.sha256, split=split, data=data, network=network, seed=network.seed)
    former = checkpoints.read(task.symbol, task.day)
    card = None if former is None else _card_of_same(former, key=key)
    if former is not None and card is not None:
        say(f"{where}: the model of this training set and these options is there already")
        return _publish(task, checkpoints, former, card, resumed_after=0, trained=False)
    keeper = checkpoints.keeper(task.symbol, task.day, key=key)
    kept = keeper.read()
    done = len(kept.history) if kept else 0
    if done:
        say(f"{where} goes on after epoch {done}, which a training that was ended had kept")
    trained = train_network(
        stored.table,
        samples,
        split,
        data=data,
        options=network,
        seed=network.seed,
        keep=keeper,
        on_epoch=lambda epoch: say(f"{where} {epoch_line(epoch, epochs=network.epochs)}"),
    )
    origin = Origin(task.exchange, task.day, stored.sha256, stored.inputs)
    card = make_card(trained, stored.table, samples, split, origin=origin, now=task.now)
    content = write_checkpoint(trained, card)
    return _publish(task, checkpoints, content, card, resumed_after=done, trained=True)


def epoch_line(epoch: Epoch, *, epochs: int) -> str:
    """An epoch for people: `epoch 3/10 loss 0.99310 validation 0.99620 took 4.1 s`."""
    return (
        f"epoch {epoch.number}/{epochs} loss {epoch.loss:.5f} validation {epoch.validation_loss:.5f} "
        f"took {epoch.took_s:.1f} s"
    )


def _read_set(task: DayTask, *, where: str) -> StoredSet:
    asset = LSTM_TRAINING_SET.name
    stored = TrainingSets(Lake(task.lake_uri)).read(task.symbol, task.day)
    command = task.command_to_make(asset)
    if stored is None:
        raise InputIncomplete(
            f"{where}: {asset} was never materialised for this day; the former {NAME} stays. Run: {command}"
        )
    other = "; ".join(differences(stored.options, task.options.data))
    if other:
        raise InputIncomplete(
            f"{where}: {asset} was made with other options than this run asks for: {other}. The former {NAME} stays. "
            f"Give this run the same config, or make the set anew with this run's: {command} --config-json '…'"
        )
    return stored


def _card_of_same(content: bytes, *, key: str) -> ModelCard | None:
    """The card of a file that is whole and was made from just this; else None."""
    try:
        card = read_card(content)
    except CheckpointError:
        return None  # what cannot be used is replaced
    return card if card.training_key == key else None


def _publish(
    task: DayTask, checkpoints: Checkpoints, content: bytes, card: ModelCard, *, resumed_after: int, trained: bool
) -> TrainAnswer:
    changed = checkpoints.publish(task.symbol, task.day, content=content, card=card)
    checkpoints.forget_epochs(task.symbol, task.day)
    return TrainAnswer(
        card=card,
        uri=checkpoints.uri_of(task.symbol, task.day),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        trained=trained,
        resumed_after=resumed_after,
        changed=changed,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )
