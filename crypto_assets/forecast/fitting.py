"""Fits a network: epochs over windows gathered from the table, ended by the validation samples, resumed if killed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from crypto_assets.errors import TrainingFailed
from crypto_assets.forecast.options import NetworkOptions
from crypto_assets.forecast.table import IntArray
from crypto_assets.forecast.training_state import Arrays, Epoch, EpochKeeper, TrainingState
from crypto_assets.forecast.windows import Float32Array, gather_windows

CLIP_NORM = 1.0
"""Largest norm of a step's gradient: one crash in a batch does not throw the weights away."""
DIVERGED = 10.0
"""A validation loss so many times that of foretelling zero is no model."""

type OnEpoch = Callable[[Epoch], None]


@dataclass(frozen=True, slots=True)
class FittingData:
    """What a network is fitted on."""

    values: Float32Array
    """Shape (rows, features)."""
    window: int
    train_rows: IntArray
    """Newest row of each training window."""
    train_targets: Float32Array
    """In target scales; shape (training samples, horizons)."""
    validation_rows: IntArray
    validation_targets: Float32Array


@dataclass(frozen=True, slots=True)
class Fitted:
    """How the fitting went; the network has the weights of the best epoch."""

    history: tuple[Epoch, ...]
    best_epoch: int


def epoch_order(samples: int, *, seed: int, epoch: int) -> IntArray:
    """The order in which an epoch (from 1) takes the training samples: a matter of seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(samples)


def device_name() -> str:
    """What TensorFlow calculates on here: the name of the first GPU, else CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    return f"GPU ({tf.config.experimental.get_device_details(gpus[0]).get('device_name', gpus[0].name)})"


def fit_network(
    model: Any,
    data: FittingData,
    *,
    options: NetworkOptions,
    seed: int,
    keep: EpochKeeper | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Fit the model in place and leave it with the weights of its best epoch.

    The loss is the mean squared error of scaled targets: forecasts are judged by squared error, whose best answer is
    the conditional mean, and a robust loss would answer another question. Large errors are held by the gradient's norm.
    Raises TrainingFailed where the loss is not finite, or the best network is far worse than foretelling zero.
    """
    run = _Run(model, data, options=options)
    state = (keep.read() if keep else None) or run.state()
    run.restore(state)
    for number in range(len(state.history) + 1, options.epochs + 1):
        if _is_over(state.history, patience=options.patience):
            break
        began = time.perf_counter()
        loss, validation_loss = run.epoch(epoch_order(data.train_rows.size, seed=seed, epoch=number))
        epoch = Epoch(number, loss, validation_loss, time.perf_counter() - began)
        _refuse_divergence(epoch, options)
        state = run.state((*state.history, epoch), former=state)
        if keep:
            keep.keep(state)
        if on_epoch:
            on_epoch(epoch)
    run.restore_best(state)
    best = _best(state.history)
    zero = float(np.mean(np.square(data.validation_targets, dtype=np.float64)))
    if best.validation_loss > DIVERGED * max(zero, 1.0):
        raise TrainingFailed(
            f"The training diverged: its best validation loss is {best.validation_loss:.3g}, foretelling zero has "
            f"{zero:.3g}. {_what_to_change(options)}"
        )
    return Fitted(state.history, best.number)


def _best(history: tuple[Epoch, ...]) -> Epoch:
    return min(history, key=lambda epoch: epoch.validation_loss)  # of equal ones the first


def _is_over(history: tuple[Epoch, ...], *, patience: int) -> bool:
    return bool(history) and history[-1].number - _best(history).number >= patience


def _refuse_divergence(epoch: Epoch, options: NetworkOptions) -> None:
    if not (math.isfinite(epoch.loss) and math.isfinite(epoch.validation_loss)):
        raise TrainingFailed(
            f"The training diverged in epoch {epoch.number}: loss {epoch.loss}, on the validation rows "
            f"{epoch.validation_loss}. {_what_to_change(options)}"
        )


def _what_to_change(options: NetworkOptions) -> str:
    return (
        f"The former checkpoint stays. Lower network.learning_rate ({options.learning_rate:g}), raise network.batch "
        f"({options.batch}), or look for features of wild values."
    )


class _Run:
    """The network, its optimizer and the compiled epoch."""

    def __init__(self, model: Any, data: FittingData, *, options: NetworkOptions) -> None:
        import keras
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        self._model = model
        self._optimizer = keras.optimizers.Adam(options.learning_rate, global_clipnorm=CLIP_NORM)
        self._optimizer.build(model.trainable_variables)
        self._learn, self._judge = _compile(model, self._optimizer, data, batch=options.batch)

    def epoch(self, order: IntArray) -> tuple[float, float]:
        """Losses of the training samples, learnt from in this order, and then of the validation samples."""
        loss = self._learn(np.asarray(order, np.int32))
        return float(loss), float(self._judge())

    def state(self, history: tuple[Epoch, ...] = (), *, former: TrainingState | None = None) -> TrainingState:
        """After the last epoch of the history; before the first one without."""
        best = _values_of(self._model.weights) if former is None or _best(history) is history[-1] else former.best
        return TrainingState(history, _values_of(self._model.variables), _values_of(self._optimizer.variables), best)

    def restore(self, state: TrainingState) -> None:
        """Go back to where an epoch ended."""
        for variable, value in zip(self._model.variables, state.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self._optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)

    def restore_best(self, state: TrainingState) -> None:
        """Take the weights of the best epoch."""
        self._model.set_weights(list(state.best))


def _values_of(variables: Any) -> Arrays:
    return [variable.numpy().copy() for variable in variables]  # what TensorFlow gives may be its own buffer


def _compile(
    model: Any, optimizer: Any, data: FittingData, *, batch: int
) -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    """An epoch and a validation, each one call into TensorFlow: no step returns to Python."""
    import tensorflow as tf

    values = tf.constant(data.values)
    train_rows, train_targets = tf.constant(data.train_rows, tf.int32), tf.constant(data.train_targets)
    validation_rows, validation_targets = (
        tf.constant(data.validation_rows, tf.int32),
        tf.constant(data.validation_targets),
    )

    def squares(newest: Any, targets: Any, *, training: bool) -> Any:
        foretold = model(gather_windows(values, newest, window=data.window), training=training)
        return tf.square(foretold - targets)

    def step(start: Any, total: Any, order: Any) -> tuple[Any, Any]:
        chosen = order[start : start + batch]
        with tf.GradientTape() as tape:
            errors = squares(tf.gather(train_rows, chosen), tf.gather(train_targets, chosen), training=True)
            loss = tf.reduce_mean(errors)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return start + batch, total + tf.reduce_sum(tf.cast(errors, tf.float64))

    def judge_step(start: Any, total: Any) -> tuple[Any, Any]:
        newest, targets = validation_rows[start : start + batch], validation_targets[start : start + batch]
        return start + batch, total + tf.reduce_sum(tf.cast(squares(newest, targets, training=False), tf.float64))

    def walk(body: Callable[[Any, Any], tuple[Any, Any]], samples: int, outputs: int) -> Any:
        beginning = (tf.constant(0), tf.constant(0.0, tf.float64))
        _, total = tf.while_loop(lambda start, _: start < samples, body, beginning, parallel_iterations=1)
        return total / (samples * outputs)

    outputs = data.train_targets.shape[1]

    def learn(order: Any) -> Any:
        return walk(lambda start, total: step(start, total, order), data.train_rows.size, outputs)

    def judge() -> Any:
        return walk(judge_step, data.validation_rows.size, outputs)

    return (
        tf.function(learn, input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False),
        tf.function(judge, input_signature=[], autograph=False),
    )
