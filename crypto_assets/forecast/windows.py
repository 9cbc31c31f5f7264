"""Windows of a table, gathered where they are used: memory is that of the table, not of its windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crypto_assets.forecast.table import BoolArray, FeatureTable, FloatArray, IntArray

if TYPE_CHECKING:
    import tensorflow as tf

Float32Array = npt.NDArray[np.float32]

PREDICTED_AT_ONCE = 2_048
"""Windows of a step of a prediction: enough to keep the cores busy, and some tens of MB."""

type Predict = Callable[[FeatureTable, IntArray], FloatArray]
"""Log-returns foretold at rows of a table, shape (rows, horizons)."""


def as_float32(values: FloatArray) -> Float32Array:
    """The table as networks take it, cast once; what float32 cannot hold becomes infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def touched_rows(rows: IntArray, *, window: int, length: int) -> BoolArray:
    """Which of `length` rows some window touches whose newest row is one of `rows`; shape (length,)."""
    _refuse_rows_without_window(rows, window=window, length=length)
    begins = np.zeros(length + 1, np.int64)
    np.add.at(begins, rows - (window - 1), 1)
    np.add.at(begins, rows + 1, -1)
    return np.cumsum(begins[:-1]) > 0


def whole_windows(values: FloatArray | Float32Array, rows: IntArray, *, window: int) -> BoolArray:
    """Whether all values of each window are finite, by its newest row; shape of `rows`."""
    _refuse_rows_without_window(rows, window=window, length=len(values))
    broken = np.concatenate([[0], np.cumsum(~np.isfinite(values).all(axis=1))])
    return broken[rows + 1] == broken[rows + 1 - window]


def gather_windows(values: tf.Tensor, newest: tf.Tensor, *, window: int) -> tf.Tensor:
    """Windows that end with the rows `newest`: shape (newest, window, features)."""
    import tensorflow as tf

    offsets = tf.range(1 - window, 1, dtype=newest.dtype)
    return tf.gather(values, newest[:, tf.newaxis] + offsets[tf.newaxis, :])


def make_predictor(model: Any, *, window: int, horizons: int) -> Predict:
    """What a Keras model of windows foretells at rows of any table with its features.

    The calculation is compiled at the first call and holds for every number of rows. A window in which a value is NaN
    or infinite has NaN for a forecast, never a number. Raises ValueError for a row before which the table has not a
    whole window; that it has no gap is for the caller to see to, as `samples_of` does.
    """
    import tensorflow as tf

    features = model.input_shape[-1]

    def call(values: tf.Tensor, newest: tf.Tensor) -> Any:
        return model(gather_windows(values, newest, window=window), training=False)

    signature = [tf.TensorSpec([None, features], tf.float32), tf.TensorSpec([None], tf.int32)]
    foretell: Any = tf.function(call, input_signature=signature, autograph=False)

    def predict(table: FeatureTable, rows: IntArray) -> FloatArray:
        values, newest = _reduced(table.values, rows, window=window)
        foretold = np.full((rows.size, horizons), np.nan)
        whole = np.flatnonzero(whole_windows(values, newest, window=window))
        tensor = tf.constant(values)
        for start in range(0, whole.size, PREDICTED_AT_ONCE):
            chosen = whole[start : start + PREDICTED_AT_ONCE]
            foretold[chosen] = foretell(tensor, tf.constant(newest[chosen], tf.int32)).numpy()
        return foretold

    return predict


def _reduced(values: FloatArray, rows: IntArray, *, window: int) -> tuple[Float32Array, IntArray]:
    """The part of the table that the rows' windows lie in, and the rows by their index in it."""
    _refuse_rows_without_window(rows, window=window, length=len(values))
    if not rows.size:
        return as_float32(values[:0]), rows
    first, last = int(rows.min()) - (window - 1), int(rows.max())
    return as_float32(values[first : last + 1]), rows - first


def _refuse_rows_without_window(rows: IntArray, *, window: int, length: int) -> None:
    if rows.size and (rows.min() < window - 1 or rows.max() >= length):
        raise ValueError(
            f"rows {rows.min()} to {rows.max()} were asked for, but the table has {length} rows and windows of {window}"
        )
