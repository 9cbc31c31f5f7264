"""A day as a strip: what each slot holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_assets.cleaning.coverage import Slot
from crypto_assets.pictures import png

HEIGHT = 18
_TICK_HEIGHT = 4

_COLOURS = {
    Slot.MISSING: png.MISSING,
    Slot.UNUSABLE: png.UNUSABLE,
    Slot.FILLED: png.FILLED,
    Slot.HALT: png.HALT,
    Slot.NOT_YET: png.LIGHT,
    Slot.PRESENT: png.PRESENT,
}
"""Worst first: where several slots share a pixel, the worst is seen."""


def coverage_picture(strip: npt.NDArray[np.int8]) -> str:
    """Markdown of the strip, midnight to midnight, with a tick every three hours; `strip` holds a `Slot` each."""
    ranks = {slot: rank for rank, slot in enumerate(_COLOURS)}
    ranked = np.array([ranks[Slot(value)] for value in range(len(ranks))], np.uint8)[strip]
    worst = np.minimum.reduceat(ranked, png.first_of_columns(strip.size))
    row = np.array(list(_COLOURS.values()), np.uint8)[worst]
    pixels = np.tile(row, (HEIGHT, 1))
    pixels[-_TICK_HEIGHT:] = png.BACKGROUND
    pixels[-_TICK_HEIGHT:, :: png.STRIP_WIDTH // 8] = png.HALT
    return png.strip(pixels, alt="coverage from 00:00 to 24:00 UTC")
