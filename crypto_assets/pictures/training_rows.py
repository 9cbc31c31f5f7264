"""Days of a training set side by side: how much of each a model can learn from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from crypto_assets.forecast.training_sets_usage import DayRows
from crypto_assets.pictures import png

HEIGHT = 48
COLOURS = {"usable": png.PRESENT, "filled": png.FILLED, "cold": png.HALT, "gap": png.MISSING}
"""By what a row is, from the bottom up."""


def training_rows_picture(rows: Mapping[date, DayRows]) -> str:
    """Markdown of a column for each day, the oldest on the left, cut by the shares of its rows; empty for no day.

    A share that is there at all is seen: it has a pixel, taken from the largest. Where several days share a pixel
    column, it shows their sum. Of a day that could not have a row yet nothing is drawn.
    """
    if not rows:
        return ""
    counts = np.array([[getattr(day, name) for name in COLOURS] for day in rows.values()], np.int64)
    columns = [_column(day) for day in np.add.reduceat(counts, png.first_of_columns(len(rows)), axis=0)]
    legend = "usable (teal), filled (yellow), cold (grey), missing (red)"
    return png.strip(np.column_stack(columns), alt=f"rows by day from {min(rows)} to {max(rows)}: {legend}")


def _column(counts: np.ndarray) -> np.ndarray:
    """Colours of a column of pixels, the topmost first."""
    if not counts.sum():
        return np.full(HEIGHT, png.BACKGROUND, np.uint8)
    heights = np.where(counts > 0, np.maximum(1, np.round(counts / counts.sum() * HEIGHT)), 0).astype(int)
    heights[np.argmax(heights)] += HEIGHT - heights.sum()
    return np.repeat(np.array(list(COLOURS.values()), np.uint8), heights)[::-1]
