"""What a few rounds say of a figure: their median, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

CONFIDENCE = 0.95


class Figure(msgspec.Struct, frozen=True):
    """A median and the interval in which it lies with this confidence, given n rounds that do not depend on each other.

    The interval is exact for any distribution (order statistics). Up to eight rounds it is from the least to the most;
    below six those hold the median with less than 95 %, and one round tells no noise: its confidence is 0.
    """

    median: float
    low: float
    high: float
    n: int
    confidence: float


def figure_of(values: Sequence[float]) -> Figure:
    """Raises ValueError without a value, or where one is no number."""
    if not values or not np.isfinite(values).all():
        raise ValueError(f"no figure can be made of {list(values)}")
    from scipy.stats import quantile_test

    n, median = len(values), float(np.median(values))
    interval = quantile_test(values, q=median, p=0.5).confidence_interval(CONFIDENCE)
    if np.isfinite([interval.low, interval.high]).all():
        return Figure(median, float(interval.low), float(interval.high), n, CONFIDENCE)
    return Figure(median, min(values), max(values), n, 1 - 0.5 ** (n - 1))
