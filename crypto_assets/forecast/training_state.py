"""What a training is after an epoch, kept so that one that was killed goes on with the next."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from crypto_assets.lake.files import Files

type Arrays = Sequence[npt.NDArray[np.generic]]

_GROUPS = ("variables", "optimizer", "best")


class Epoch(msgspec.Struct, frozen=True):
    """One pass over the training samples."""

    number: int
    """From 1."""
    loss: float
    """Mean squared error of the training samples, in squares of the target scale, while they were learnt from."""
    validation_loss: float
    """The same of the validation samples, after the epoch."""
    took_s: float


@dataclass(frozen=True, slots=True)
class TrainingState:
    """All that the next epoch depends on."""

    history: tuple[Epoch, ...]
    variables: Arrays
    """Weights, and the states of the layers' random numbers."""
    optimizer: Arrays
    best: Arrays
    """Weights of the epoch with the lowest validation loss so far."""


class EpochKeeper:
    """Keeps the state of one training in a file, each epoch in place of the one before, whole or not at all.

    `key` is made of everything that the training depends on: another one neither sees this file nor replaces it.
    """

    def __init__(self, files: Files, folder: str, *, key: str) -> None:
        self._files = files
        self._path = f"{folder}/{key}.npz"

    def read(self) -> TrainingState | None:
        """The last whole epoch; None where none was kept, or what is there cannot be read."""
        content = self._files.read(self._path)
        return None if content is None else _decode(content)

    def keep(self, state: TrainingState) -> None:
        """Publish the state; raises LakeError where the store does not take it, and keeps the former."""
        self._files.publish(self._path, _encode(state))

    def forget(self) -> None:
        """Remove what is kept, once the model is published."""
        self._files.remove(self._path)


def _encode(state: TrainingState) -> bytes:
    arrays = {
        f"{group}_{number}": array
        for group, held in zip(_GROUPS, (state.variables, state.optimizer, state.best), strict=True)
        for number, array in enumerate(held)
    }
    sink = io.BytesIO()
    history = np.frombuffer(msgspec.json.encode(state.history), np.uint8)
    np.savez(sink, history=history, **arrays)  # pyright: ignore[reportArgumentType]
    return sink.getvalue()


def _decode(content: bytes) -> TrainingState | None:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            history = msgspec.json.decode(held["history"].tobytes(), type=tuple[Epoch, ...])
            groups = {
                group: [held[f"{group}_{n}"] for n in range(sum(name.startswith(f"{group}_") for name in held.files))]
                for group in _GROUPS
            }
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.MsgspecError):
        return None  # a damaged file is worth as much as none: the training begins anew
    return TrainingState(history, groups["variables"], groups["optimizer"], groups["best"])
