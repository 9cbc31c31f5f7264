"""What can be learnt from a table: the rows that a window may end with, and what the price did after them.

Windows are named by row and never copied here: memory is that of a few columns of the table.
"""

from __future__ import annotations

import numpy as np

from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.table import BoolArray, FeatureTable, IntArray, Samples, places_of


def samples_of(table: FeatureTable, data: DataOptions) -> Samples:
    """Windows of the table with the log-return of close from their newest row to each horizon, in rows of its step.

    A window is one of `window_rows`. Its target at horizon h is of the row whose `as_of` is exactly h steps later:
    that row must exist in the table and be real, for every horizon.
    """
    rows = window_rows(table, window=data.window)
    ahead = np.asarray(data.horizons, np.int64)
    if not rows.size:
        return Samples(rows[:0], np.empty((0, ahead.size)))
    due_us = table.as_of_us[rows, None] + ahead * table.step_us
    found, is_there = places_of(table.as_of_us, due_us)
    kept = (is_there & has_price(table)[found]).all(axis=1)
    rows, found = rows[kept], found[kept]
    return Samples(rows, np.log(table.close[found]) - np.log(table.close[rows])[:, None])


def window_rows(table: FeatureTable, *, window: int) -> IntArray:
    """Rows that a window may end with, ascending: it and the `window` - 1 before it lie a step apart, each is warm and
    has every value, and its own close is real. Filled rows may lie inside, where values are carried forward."""
    return np.flatnonzero((rows_in_order(table) >= window) & has_price(table))


def rows_in_order(table: FeatureTable) -> IntArray:
    """For each row how many usable rows without a gap end with it; zero where it is not usable itself."""
    usable = is_usable(table)
    index = np.arange(len(table))
    follows = np.ones(len(table), dtype=bool)
    follows[1:] = np.diff(table.as_of_us) == table.step_us
    begins = usable & ~(follows & np.append(False, usable[:-1]))
    start = np.maximum.accumulate(np.where(begins, index, 0))
    return np.where(usable, index - start + 1, 0)


def is_usable(table: FeatureTable) -> BoolArray:
    """Rows that may lie in a window: warm, and every value finite."""
    return table.warm & np.isfinite(table.values).all(axis=1)


def has_price(table: FeatureTable) -> BoolArray:
    """Rows whose close may begin or end a return: it was traded, and is a number above zero."""
    return table.is_real & np.isfinite(table.close) & (table.close > 0)
