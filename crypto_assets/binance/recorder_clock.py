"""How far the clock of a recorder is behind the exchange's."""

from __future__ import annotations

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
        self._leads: list[int] = []
        self._lag_us: int | None = None

    def note(self, lead_us: int) -> None:
        """Take event time - receive time of a message into the minute that is being read."""
        self._leads.append(lead_us)

    def end_minute(self) -> int | None:
        """Lag in microseconds, at least 0, of the minute that was read; None while no message told any."""
        if len(self._leads) >= ENOUGH_EVENTS or (self._lag_us is None and self._leads):
            self._lag_us = max(0, int(np.quantile(self._leads, LEVEL)))
        self._leads = []
        return self._lag_us
