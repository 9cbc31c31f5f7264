"""Small paletted pictures as the UI shows them: markdown with the PNG inside."""

from __future__ import annotations

import base64
import io

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
    return f"![{alt}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
