"""What each slot of a day holds, for pictures and figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crypto_assets.cleaning.gaps import Gap, GapCause
from crypto_assets.flags import UNUSABLE, is_flagged
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import MICROSECOND, Span, times_us, to_us

COMPLETE_PERCENT = 99.9
"""Share of the candles that were no halt below which a day is in error: more than one of 1,440 is missing."""

_STEPS = {**TIMEFRAMES, "1s": timedelta(seconds=1)}


class Slot(IntEnum):
    """What is known of a slot."""

    MISSING = 0
    """No candle; a source may still have it."""
    HALT = 1
    """No candle; the exchange confirms that there was none."""
    FILLED = 2
    """Interpolated."""
    UNUSABLE = 3
    """A candle that contradicts itself or is out of range."""
    PRESENT = 4
    """A candle, real or derived."""
    NOT_YET = 5
    """The candle has not closed."""


def coverage_strip(
    silver: pa.Table, *, timeframe: str, day: Span, gaps: Iterable[Gap] = (), known_until: datetime | None = None
) -> npt.NDArray[np.int8]:
    """A `Slot` for each slot of the day: 1,440 of them for 1m. Candles off the grid are in none.

    `silver` are SILVER_KLINES or, for 1s, KLINES_1S of the day, `gaps` those of the cleaning. Slots from `known_until`
    on are NOT_YET.
    """
    step_us = _STEPS[timeframe] // MICROSECOND
    start_us = to_us(day.start)
    slots = (to_us(day.end) - start_us) // step_us
    strip = np.full(slots, Slot.MISSING, np.int8)
    for gap in gaps:
        first, last = ((to_us(moment) - start_us) // step_us for moment in (gap.start, gap.end))
        if gap.cause is GapCause.EXCHANGE_HALT:
            strip[max(first, 0) : max(last, 0)] = Slot.HALT
    if known_until is not None:
        strip[max((to_us(known_until) - start_us) // step_us, 0) :] = Slot.NOT_YET
    index, off_grid = np.divmod(times_us(silver["open_time"]) - start_us, step_us)
    states = np.where(is_flagged(silver, *UNUSABLE), Slot.UNUSABLE, Slot.PRESENT)
    states[is_flagged(silver, "filled")] = Slot.FILLED
    inside = (off_grid == 0) & (index >= 0) & (index < slots)
    strip[index[inside]] = states[inside]
    return strip


def count_slots(strip: npt.NDArray[np.int8]) -> dict[str, int]:
    """Slots of each kind, zeros included, under names such as `slots_present`."""
    return {f"slots_{slot.name.lower()}": int(np.count_nonzero(strip == slot)) for slot in Slot}
