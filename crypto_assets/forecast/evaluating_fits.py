"""What each network of an evaluation foretells, and the normaliser that lies in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.checkpoint import load_checkpoint
from crypto_assets.forecast.model_file import CONFIG_MEMBER, open_model, read_member
from crypto_assets.forecast.network import CLIP, train_network
from crypto_assets.forecast.options import DataOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, FloatArray, Forecasts, Samples, Split


@dataclass(frozen=True, slots=True)
class FoldFit:
    """What a network foretold, and the normaliser that lies in it."""

    forecasts: Forecasts
    mean: FloatArray
    """Shape (features,)."""
    scale: FloatArray
    """Shape (features,)."""
    target_scale: FloatArray
    """Shape (horizons,)."""

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any]) -> FoldFit:
        """That of these arrays."""
        forecasts = Forecasts(arrays["validation"], arrays["test"])
        return cls(forecasts, arrays["mean"], arrays["scale"], arrays["target_scale"])

    def as_arrays(self) -> dict[str, FloatArray]:
        """All of it, by name."""
        return {
            "validation": self.forecasts.validation,
            "test": self.forecasts.test,
            "mean": self.mean,
            "scale": self.scale,
            "target_scale": self.target_scale,
        }


type Trainer = Callable[[Split, int], FoldFit]
"""Fits a network on a split with a seed."""


def network_trainer(table: FeatureTable, samples: Samples, data: DataOptions, options: NetworkOptions) -> Trainer:
    """Fits networks as `lstm_checkpoint` does, and keeps none of them: memory is that of one."""

    def train(split: Split, seed: int) -> FoldFit:
        import keras

        keras.utils.clear_session(free_memory=True)  # the former network and its compiled steps
        network = train_network(table, samples, split, data=data, options=options, seed=seed)
        config = network.model.get_config()
        return _fitted(network.predict, table, samples, split, layers=config["layers"])

    return train


def published_fit(content: bytes, table: FeatureTable, samples: Samples, split: Split) -> FoldFit:
    """What the model of a file foretells of a split; raises CheckpointError where it cannot be used."""
    checkpoint = load_checkpoint(content)
    config = msgspec.json.decode(read_member(open_model(content), CONFIG_MEMBER))
    return _fitted(checkpoint.predict, table, samples, split, layers=config["config"]["layers"])


def _fitted(
    predict: Callable[[FeatureTable, Any], FloatArray],
    table: FeatureTable,
    samples: Samples,
    split: Split,
    *,
    layers: Sequence[Mapping[str, Any]],
) -> FoldFit:
    validation, test = (predict(table, samples.rows[part]) for part in (split.validation, split.test))
    mean, scale, target_scale = scaler_of_layers(layers)
    return FoldFit(Forecasts(validation, test), mean, scale, target_scale)


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
