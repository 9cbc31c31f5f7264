"""Windows over the past of an array: the value at i reads entries up to i, whatever comes after.

No running sum is carried from one window to the next: a window of zeros sums to zero exactly, whatever came before it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def shift(values: FloatArray, steps: int) -> FloatArray:
    """`values[i - steps]`, NaN where there is none."""
    moved = np.full(values.size, np.nan)
    moved[steps:] = values[: max(values.size - steps, 0)]
    return moved


def rolling_sum(values: FloatArray, window: int) -> FloatArray:
    """Sum of the last `window` entries, NaN until there are so many and where one of them is NaN."""
    total = np.full(values.size, np.nan)
    if values.size < window:
        return total
    length = values.size - window + 1
    inside = values[:length].copy()
    for offset in range(1, window):
        inside += values[offset : offset + length]
    total[window - 1 :] = inside
    return total


def rolling_max(values: FloatArray, window: int) -> FloatArray:
    """Largest of the last `window` entries, NaN until there are so many."""
    result = np.full(values.size, np.nan)
    if values.size < window:
        return result
    largest, covered = values, 1
    while covered < window:
        step = min(covered, window - covered)
        largest = np.maximum(largest[step:], largest[:-step])
        covered += step
    result[window - 1 :] = largest
    return result


def rolling_min(values: FloatArray, window: int) -> FloatArray:
    """Smallest of the last `window` entries, NaN until there are so many."""
    return -rolling_max(-values, window)


def ratio(numerator: FloatArray, denominator: FloatArray, *, otherwise: float | FloatArray) -> FloatArray:
    """numerator / denominator, and `otherwise` where the denominator is zero; NaN stays NaN."""
    result = np.empty(numerator.size)
    result[:] = otherwise
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result
