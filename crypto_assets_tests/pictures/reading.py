"""Pictures back out of their markdown."""

from __future__ import annotations

import base64
import io

from PIL import Image


def read_picture(markdown: str) -> Image.Image:
    """The image, in RGB."""
    encoded = markdown.removesuffix(")").partition("base64,")[2]
    return Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")


def colours(image: Image.Image) -> list[tuple[int, ...]]:
    """Colours of all pixels, row by row."""
    raw = image.tobytes()
    return [tuple(raw[at : at + 3]) for at in range(0, len(raw), 3)]
