"""The layers of the network: built-in ones of Keras only, so that a file of it is loaded without running its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crypto_assets.forecast.options import NetworkOptions
from crypto_assets.forecast.table import FloatArray


@dataclass(frozen=True, slots=True)
class Network:
    """One set of weights seen in two ways."""

    scaled: Any
    """keras.Model from raw windows to targets divided by their scale: what is fitted."""
    whole: Any
    """keras.Model from raw windows to log-returns: what is used and stored."""


def build_network(
    mean: FloatArray,
    scale: FloatArray,
    target_scale: FloatArray,
    *,
    window: int,
    options: NetworkOptions,
    seed: int,
    clip: float,
) -> Network:
    """An LSTM with its normaliser before it and its target scale behind it; the same weights for the same seed.

    It begins by foretelling zero: the last layer starts at zero, since no return is the best first guess. Rescaling
    and not Normalization, which never divides by less than 1e-7, and funding rates vary by less.
    """
    import keras

    keras.config.set_image_data_format("channels_last")  # the other would let Rescaling spread a list as for pictures
    layers: Any = keras.layers
    windows = keras.Input((window, mean.size), dtype="float32", name="window")
    hidden = layers.Rescaling(1.0, offset=(-mean).tolist(), name="less_mean")(windows)
    hidden = layers.Rescaling((1.0 / (clip * scale)).tolist(), name="by_scale")(hidden)
    hidden = layers.Activation("hard_tanh", name="clip")(hidden)
    hidden = layers.Rescaling(clip, name="normalised")(hidden)
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
