"""A range of days as a strip: how complete each is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from crypto_assets.pictures import png

HEIGHT = 18


def days_picture(rows_by_day: Mapping[date, int], *, complete: int) -> str:
    """Markdown of a strip from the first day with rows to the last: whole days, partial ones, and days without a row.

    `complete` is the number of rows of a whole day. Where several days share a pixel, the least complete is seen.
    """
    first, last = min(rows_by_day), max(rows_by_day)
    rows = np.zeros((last - first).days + 1, np.int64)
    for day, count in rows_by_day.items():
        rows[(day - first).days] = count
    least = np.minimum.reduceat(rows, png.first_of_columns(rows.size))
    colours = np.where(least >= complete, png.PRESENT, np.where(least > 0, png.FILLED, png.MISSING)).astype(np.uint8)
    return png.strip(np.tile(colours, (HEIGHT, 1)), alt=f"days from {first} to {last}")
