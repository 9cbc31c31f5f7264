"""What had happened by a row: past returns and volatility of a table, by time and not by row number."""

from __future__ import annotations

import numpy as np

from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray, places_of


def past_returns(table: FeatureTable, rows: IntArray, *, length: int, ago: int = 0) -> FloatArray:
    """Log-return over `length` steps that ended `ago` steps before each row; NaN where a gap lies on its ends.

    Shape (rows,).
    """
    end = table.as_of_us[rows] - ago * table.step_us
    return _log_close(table, end) - _log_close(table, end - length * table.step_us)


def trailing_volatility(table: FeatureTable, rows: IntArray, *, window: int) -> FloatArray:
    """Root mean square of the one-step log-returns of the `window` rows up to each row; shape (rows,)."""
    log_close = np.log(table.close)
    squares = np.diff(log_close, prepend=log_close[:1]) ** 2
    squares[1:][np.diff(table.as_of_us) != table.step_us] = 0.0  # no return across a gap
    return np.sqrt(np.maximum(trailing_means(squares[:, None], rows, window=window)[:, 0], 0.0))


def trailing_means(values: FloatArray, rows: IntArray, *, window: int) -> FloatArray:
    """Mean of each column over the `window` rows up to each row, nulls counted as 0; shape (rows, columns).

    Running sums, so that the cost does not grow with the window; the first row is taken away first, so that a large
    level costs no digits, and no later row changes a bit of an earlier mean.
    """
    filled = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    centre = filled[0] if filled.shape[0] else np.zeros(filled.shape[1])
    sums = np.vstack([np.zeros((1, filled.shape[1])), np.cumsum(filled - centre, axis=0)])
    first = np.maximum(rows + 1 - window, 0)
    return (sums[rows + 1] - sums[first]) / (rows + 1 - first)[:, None] + centre


def _log_close(table: FeatureTable, moments_us: IntArray) -> FloatArray:
    place, is_there = places_of(table.as_of_us, moments_us)
    return np.where(is_there, np.log(table.close[place]), np.nan)
