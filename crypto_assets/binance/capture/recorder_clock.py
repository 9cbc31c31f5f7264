"""How far the clock of a recorder is behind the exchange's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ENOUGH_EVENTS = 20
"""Events of a minute that a lag can be told from; with fewer, the lag of the minute before is likelier."""
LEVEL = 0.95
"""Not the greatest lag of all events, which a single wrong time would decide."""


class RecorderClock:
    """Lag of one recorder in each minute of its receive times.

    A message cannot be received before its event. Where receive times say so, the recorder's clock is behind, by at
    least as much as event time - receive time; the messages that took the shortest way tell how much. A clock that is
    ahead looks the same as a long way, so it is not corrected: a time is then later than needed, never too early.
    """

    def __init__(self) -> None:
        self._lag_us: int | None = None

    def lag_us(self, leads_us: Sequence[int]) -> int | None:
        """Lag in microseconds, at least 0, in the next minute; None while no message told any.

        `leads_us` is event time - receive time of each message of that minute.
        """
        if len(leads_us) >= ENOUGH_EVENTS or (self._lag_us is None and leads_us):
            self._lag_us = max(0, int(np.quantile(leads_us, LEVEL)))
        return self._lag_us
