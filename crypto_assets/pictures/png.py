"""Small paletted pictures as the UI shows them: markdown with the PNG inside."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH = 720
STRIP_WIDTH = 360
"""Of strips, which the page shows inside a column of its table; a wider picture would be cut."""
BACKGROUND, PRESENT, DOWN, FILLED, UNUSABLE, MISSING, HALT, LIGHT = range(8)
PALETTE = (
    (255, 255, 255),
    (42, 157, 143),  # teal: there, rising
    (230, 126, 80),  # orange: falling
    (233, 196, 106),  # yellow: interpolated
    (155, 93, 229),  # violet: contradicts itself
    (214, 40, 57),  # red: missing
    (141, 153, 174),  # grey: the exchange stood still
    (226, 232, 240),  # pale: not yet, volume
)
"""Colours that stay apart for colour-blind eyes, by index."""


def blank(height: int, *, width: int = WIDTH) -> Image.Image:
    """An empty picture."""
    image = Image.new("P", (width, height), BACKGROUND)
    image.putpalette([channel for colour in PALETTE for channel in colour])
    return image


def as_markdown(image: Image.Image, *, alt: str) -> str:
    """The picture inside a markdown image, so that it lies in the event itself; some hundred bytes to a few kB."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, bits=4)
    return in_markdown(buffer.getvalue(), alt=alt)


def in_markdown(png: bytes, *, alt: str) -> str:
    """A PNG inside a markdown image."""
    return f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})"


def strip(pixels: npt.NDArray[np.uint8], *, alt: str) -> str:
    """Markdown of pixels, (height, STRIP_WIDTH) indices of the palette."""
    image = blank(len(pixels), width=STRIP_WIDTH)
    image.paste(Image.fromarray(pixels), (0, 0))
    return as_markdown(image, alt=alt)


def first_of_columns(count: int) -> npt.NDArray[np.int_]:
    """Of so many things side by side, the first one that each column of a strip shows."""
    return np.linspace(0, count, STRIP_WIDTH, endpoint=False).astype(int)


def to_rows(values: npt.ArrayLike, *, low: float, high: float, top: int, bottom: int) -> list[int]:
    """Rows of pixels: `high` and what is above in row `top`, `low` and what is below in row `bottom`.

    All in the middle where there is nothing between low and high.
    """
    share = np.clip((np.asarray(values) - low) / (high - low), 0, 1) if high > low else np.full(np.shape(values), 0.5)
    return np.rint(bottom - share * (bottom - top)).astype(int).tolist()
