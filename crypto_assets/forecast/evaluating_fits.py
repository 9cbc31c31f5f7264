"""What each network of an evaluation foretold, kept so that an evaluation that was killed goes on with the next one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.checkpoint import load_checkpoint
from crypto_assets.forecast.network import CLIP, train_network
from crypto_assets.forecast.options import DataOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, FloatArray, Forecasts, Samples, Split
from crypto_assets.lake.files import Files

_ARRAYS = ("validation", "test", "mean", "scale", "target_scale")
_CONFIG_MEMBER = "config.json"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a network foretold, and the normaliser that lies in it."""

    forecasts: Forecasts
    mean: FloatArray
    """Shape (features,)."""
    scale: FloatArray
    """Shape (features,)."""
    target_scale: FloatArray
    """Shape (horizons,)."""


type Trainer = Callable[[Split, int], Fitted]
"""Fits a network on a split with a seed."""


class KeptFits:
    """Fits of one evaluation, each in a file that is whole or not there.

    A key is made of everything that a fit depends on: a fit of other data or options is never taken for it.
    """

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = f"{folder}/_fits"

    def read(self, key: str) -> Fitted | None:
        """The fit; None where it was not kept, or what is there cannot be read."""
        content = self._files.read(f"{self._folder}/{key}.npz")
        return None if content is None else _decode(content)

    def keep(self, key: str, fitted: Fitted) -> None:
        """Publish a fit; raises LakeError where the store does not take it."""
        self._files.publish(f"{self._folder}/{key}.npz", _encode(fitted))

    def forget(self) -> None:
        """Remove all fits, once the evaluation is published."""
        for name in self._files.names(self._folder):
            self._files.remove(f"{self._folder}/{name}")


def network_trainer(table: FeatureTable, samples: Samples, *, data: DataOptions, options: NetworkOptions) -> Trainer:
    """Fits networks as `lstm_checkpoint` does, and keeps none of them: memory is that of one."""

    def train(split: Split, seed: int) -> Fitted:
        import keras

        keras.utils.clear_session(free_memory=True)  # the former network and its compiled steps
        network = train_network(table, samples, split, data=data, options=options, seed=seed)
        config = network.model.get_config()
        return _fitted(network.predict, table, samples, split, layers=config["layers"])

    return train


def published_fit(content: bytes, table: FeatureTable, samples: Samples, split: Split) -> Fitted:
    """What the model of a file foretells of a split; raises CheckpointError where it cannot be used."""
    checkpoint = load_checkpoint(content, features=table.features)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        config = msgspec.json.decode(archive.read(_CONFIG_MEMBER))
    return _fitted(checkpoint.predict, table, samples, split, layers=config["config"]["layers"])


def _fitted(
    predict: Callable[[FeatureTable, Any], FloatArray],
    table: FeatureTable,
    samples: Samples,
    split: Split,
    *,
    layers: Sequence[Mapping[str, Any]],
) -> Fitted:
    validation, test = (predict(table, samples.rows[part]) for part in (split.validation, split.test))
    mean, scale, target_scale = scaler_of_layers(layers)
    return Fitted(Forecasts(validation, test), mean, scale, target_scale)


def scaler_of_layers(layers: Sequence[Mapping[str, Any]]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and deviation of the features and scale of the targets as the layers of a network use them, whatever its
    card says; raises CheckpointError where it has no such layers."""
    named = {layer["config"].get("name"): layer["config"] for layer in layers}
    try:
        mean = -np.atleast_1d(np.asarray(named["less_mean"]["offset"], np.float64))
        scale = 1.0 / (CLIP * np.atleast_1d(np.asarray(named["by_scale"]["scale"], np.float64)))
        target_scale = np.atleast_1d(np.asarray(named["log_returns"]["scale"], np.float64))
    except KeyError as error:
        raise CheckpointError(
            f"The network has no layer {error}, which normalises: it is none of ours. Materialise lstm_checkpoint anew."
        ) from None
    return mean, scale, target_scale


def _encode(fitted: Fitted) -> bytes:
    sink = io.BytesIO()
    forecasts = fitted.forecasts
    np.savez(
        sink,
        validation=forecasts.validation,
        test=forecasts.test,
        mean=fitted.mean,
        scale=fitted.scale,
        target_scale=fitted.target_scale,
    )
    return sink.getvalue()


def _decode(content: bytes) -> Fitted | None:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            validation, test, mean, scale, target_scale = (held[name] for name in _ARRAYS)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # a damaged file is worth as much as none: the network is fitted anew
    return Fitted(Forecasts(validation, test), mean, scale, target_scale)
