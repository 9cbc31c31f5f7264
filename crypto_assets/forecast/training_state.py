"""What a training is after an epoch, kept so that one that was killed goes on with the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from crypto_assets.forecast.kept import KeptArrays

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
    """Keeps the state of one training, each epoch in place of the one before; `key` is as in `KeptArrays`."""

    def __init__(self, kept: KeptArrays, *, key: str) -> None:
        self._kept = kept
        self._key = key

    def read(self) -> TrainingState | None:
        """The last whole epoch; None where none was kept, or what is there cannot be read."""
        held = self._kept.read(self._key)
        if held is None:
            return None
        history = msgspec.json.decode(held["history"].tobytes(), type=tuple[Epoch, ...])
        groups = (
            [held[f"{group}_{n}"] for n in range(sum(name.startswith(f"{group}_") for name in held))]
            for group in _GROUPS
        )
        return TrainingState(history, *groups)

    def keep(self, state: TrainingState) -> None:
        """Keep the state; raises LakeError where the store does not take it, and keeps the former."""
        arrays = {f"{group}_{number}": array for group in _GROUPS for number, array in enumerate(getattr(state, group))}
        history = np.frombuffer(msgspec.json.encode(state.history), np.uint8)
        self._kept.keep(self._key, {"history": history, **arrays})
