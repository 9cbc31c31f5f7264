"""The network that foretells log-returns from windows of features, with its normaliser and target scale inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from crypto_assets.errors import InputIncomplete
from crypto_assets.forecast.fitting import Epoch, FittingData, OnEpoch, device_name, fit_network
from crypto_assets.forecast.options import DataOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray, Samples, Split
from crypto_assets.forecast.training_state import EpochKeeper
from crypto_assets.forecast.windows import Float32Array, Predict, as_float32, make_predictor, touched_rows

CLIP = 10.0
"""Standard deviations at which a normalised value is cut: one broken candle does not drown the others."""
RELATIVE_RESOLUTION = 1e-6
"""A feature that varies by less, beside its own size, is constant as far as float32 (1.2e-7) can tell."""
LEAST_TRAINING_SAMPLES, LEAST_VALIDATION_SAMPLES = 100, 20


@dataclass(frozen=True, slots=True)
class Normaliser:
    """What is taken from each feature and what it is then divided by."""

    mean: FloatArray
    """Shape (features,)."""
    scale: FloatArray
    """Standard deviation; 1 for a feature that was constant. Shape (features,)."""
    constant: tuple[str, ...]
    """Features that did not vary on the rows of the fit: nothing can be learnt from them."""


@dataclass(frozen=True, slots=True)
class Network:
    """One set of weights seen in two ways."""

    scaled: Any
    """keras.Model from raw windows to targets divided by their scale: what is fitted."""
    whole: Any
    """keras.Model from raw windows to log-returns: what is used and stored."""


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A fitted network."""

    model: Any
    """keras.Model: windows of raw features (n, window, features) to log-returns (n, horizons)."""
    features: tuple[str, ...]
    data: DataOptions
    options: NetworkOptions
    seed: int
    normaliser: Normaliser
    target_scale: FloatArray
    """Standard deviation of the training targets, log-return; shape (horizons,)."""
    history: tuple[Epoch, ...]
    best_epoch: int
    """Number, from 1, of the epoch whose weights it has."""
    device: str
    """What it was fitted on."""
    predict: Predict
    """`predict(table, rows)`: log-returns, shape (rows, horizons); see `make_predictor`."""


def fit_normaliser(table: FeatureTable, rows: IntArray, *, window: int) -> Normaliser:
    """Mean and standard deviation of each feature over the rows that windows ending with `rows` touch, each once."""
    values = table.values[touched_rows(rows, window=window, length=len(table))]
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    constant = deviation <= RELATIVE_RESOLUTION * np.abs(mean)
    names = tuple(name for name, still in zip(table.features, constant, strict=True) if still)
    return Normaliser(mean, np.where(constant, 1.0, deviation), names)


def fit_target_scale(targets: FloatArray) -> FloatArray:
    """Standard deviation of each horizon's targets; 1 where they never move."""
    deviation = targets.std(axis=0)
    return np.where(deviation > 0, deviation, 1.0)


def build_network(
    mean: FloatArray,
    scale: FloatArray,
    target_scale: FloatArray,
    *,
    window: int,
    options: NetworkOptions,
    seed: int,
) -> Network:
    """An LSTM with its normaliser before it and its target scale behind it; the same weights for the same seed.

    Its layers are built-in ones of Keras only, so that a file of it is loaded without running its code.
    It begins by foretelling zero: the last layer starts at zero, since no return is the best first guess. Rescaling
    and not Normalization, which never divides by less than 1e-7, and funding rates vary by less.
    """
    import keras

    keras.config.set_image_data_format("channels_last")  # the other would let Rescaling spread a list as for pictures
    layers: Any = keras.layers
    windows = keras.Input((window, mean.size), dtype="float32", name="window")
    hidden = layers.Rescaling(1.0, offset=(-mean).tolist(), name="less_mean")(windows)
    hidden = layers.Rescaling((1.0 / (CLIP * scale)).tolist(), name="by_scale")(hidden)
    hidden = layers.Activation("hard_tanh", name="clip")(hidden)
    hidden = layers.Rescaling(CLIP, name="normalised")(hidden)
    for number, units in enumerate(options.units):
        first_seed = seed * 1_000 + 10 * number
        hidden = layers.LSTM(
            units,
            return_sequences=number + 1 < len(options.units),
            kernel_initializer=keras.initializers.GlorotUniform(seed=first_seed),
            recurrent_initializer=keras.initializers.Orthogonal(seed=first_seed + 1),
            name=f"lstm_{number + 1}",
        )(hidden)
        if options.dropout:
            hidden = layers.Dropout(options.dropout, seed=first_seed + 2, name=f"dropout_{number + 1}")(hidden)
    scaled = layers.Dense(target_scale.size, kernel_initializer="zeros", name="scaled_returns")(hidden)
    returns = layers.Rescaling(target_scale.tolist(), name="log_returns")(scaled)
    return Network(keras.Model(windows, scaled), keras.Model(windows, returns))


def train_network(
    table: FeatureTable,
    samples: Samples,
    split: Split,
    *,
    data: DataOptions,
    options: NetworkOptions,
    seed: int,
    keep: EpochKeeper | None = None,
    on_epoch: OnEpoch | None = None,
) -> TrainedNetwork:
    """A network fitted on the split's training samples, ended by its validation samples; its test is never looked at.

    The same arguments give the same weights, bit for bit on the same kind of device, also where `keep` hands back the
    epochs of a training that was killed. Raises InputIncomplete where there are too few samples or values are missing,
    and TrainingFailed where the loss diverges.
    """
    values = as_float32(table.values)
    _refuse_what_teaches_nothing(table, values, samples, split, window=data.window)
    train = samples.rows[split.train]
    normaliser = fit_normaliser(table, train, window=data.window)
    target_scale = fit_target_scale(samples.targets[split.train])
    network = build_network(
        normaliser.mean, normaliser.scale, target_scale, window=data.window, options=options, seed=seed
    )
    scaled = as_float32(samples.targets / target_scale)
    fitting = FittingData(
        values=values,
        window=data.window,
        train_rows=train,
        train_targets=scaled[split.train],
        validation_rows=samples.rows[split.validation],
        validation_targets=scaled[split.validation],
    )
    fitted = fit_network(network.scaled, fitting, options=options, seed=seed, keep=keep, on_epoch=on_epoch)
    return TrainedNetwork(
        model=network.whole,
        features=table.features,
        data=data,
        options=options,
        seed=seed,
        normaliser=normaliser,
        target_scale=target_scale,
        history=fitted.history,
        best_epoch=fitted.best_epoch,
        device=device_name(),
        predict=make_predictor(network.whole, window=data.window, horizons=len(data.horizons)),
    )


def _refuse_what_teaches_nothing(
    table: FeatureTable, values: Float32Array, samples: Samples, split: Split, *, window: int
) -> None:
    if split.train.size < LEAST_TRAINING_SAMPLES or split.validation.size < LEAST_VALIDATION_SAMPLES:
        raise InputIncomplete(
            f"A network needs {LEAST_TRAINING_SAMPLES} samples to be trained on and {LEAST_VALIDATION_SAMPLES} to be "
            f"validated on; {table.symbol} has {split.train.size} and {split.validation.size}. Give it more days."
        )
    rows = samples.rows[np.concatenate([split.train, split.validation])]
    touched = touched_rows(rows, window=window, length=len(table))
    broken = np.flatnonzero(~np.isfinite(values[touched]).all(axis=0)).tolist()
    if broken:
        names = ", ".join(table.features[column] for column in broken)
        raise InputIncomplete(
            f"Windows of {table.symbol} hold values that are missing or beyond float32, in {names}. Leave these "
            "features out, or leave out the rows."
        )
    if not np.isfinite(samples.targets[np.concatenate([split.train, split.validation])]).all():
        raise InputIncomplete(f"Targets of {table.symbol} are not all finite numbers: a close is missing or zero.")
