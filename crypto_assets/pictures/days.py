"""A range of days as a strip: how complete each is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
from PIL import Image

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
    edges = np.linspace(0, rows.size, png.STRIP_WIDTH, endpoint=False).astype(int)
    least = np.minimum.reduceat(rows, edges)
    colours = np.where(least >= complete, png.PRESENT, np.where(least > 0, png.FILLED, png.MISSING)).astype(np.uint8)
    image = png.blank(HEIGHT, width=png.STRIP_WIDTH)
    image.paste(Image.fromarray(np.tile(colours, (HEIGHT, 1))), (0, 0))
    return png.as_markdown(image, alt=f"days from {first} to {last}")
