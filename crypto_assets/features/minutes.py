"""A grid of minutes on which order book and perpetual states are laid: one entry for each, known or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crypto_assets.features.rolling import BoolArray, FloatArray, IntArray
from crypto_assets.spans import MINUTE_US

PRESENT_MINUTES = 60
"""A source is present where something of it became known in the last hour."""


@dataclass(frozen=True, slots=True)
class MinuteGrid:
    """Minutes of [start_us, end_us), named like candles by their start; a minute holds what was known by its end."""

    start_us: int
    end_us: int

    @property
    def size(self) -> int:
        """Number of minutes."""
        return (self.end_us - self.start_us) // MINUTE_US

    @property
    def as_of_us(self) -> IntArray:
        """End of each minute."""
        return self.start_us + MINUTE_US * np.arange(1, self.size + 1)

    def index(self, open_us: IntArray) -> IntArray:
        """Entry of the minutes that start at the given times, which must lie on the grid."""
        return (open_us - self.start_us) // MINUTE_US

    def scatter(self, open_us: IntArray, values: FloatArray) -> FloatArray:
        """The values in the minutes that start at the given times, NaN in all others."""
        entries = np.full(self.size, np.nan)
        entries[self.index(open_us)] = values
        return entries


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well a source is known, one entry a minute or a row."""

    present: BoolArray
    """Something of it became known in the last hour."""
    ready: BoolArray
    """All that its features read and compare is known."""


def ago(known: BoolArray, minutes: int) -> BoolArray:
    """Whether the minute so long before each was known; False before the grid."""
    moved = np.zeros_like(known)
    moved[minutes:] = known[: max(known.size - minutes, 0)]
    return moved


def is_present(known: BoolArray) -> BoolArray:
    """Whether one of the last PRESENT_MINUTES was known."""
    return count_known(known, PRESENT_MINUTES) > 0


def count_known(known: BoolArray, minutes: int) -> IntArray:
    """How many of the last so many minutes were known."""
    total = np.zeros(known.size + minutes, dtype=np.int64)
    np.cumsum(known, out=total[minutes:])
    return total[minutes:] - total[:-minutes]
