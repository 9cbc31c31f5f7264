"""Noise on many time scales at once: continuous over midnight, and known for a day without any other day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crypto_assets.simulator.market.exact import ONE, draw_words, gaussian, interpolate
from crypto_assets.simulator.market.results import Ints

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Noise:
    """A sum of straight-line noises, one for each scale: a Gaussian node at every `period`, lines between the nodes."""

    seed: int
    name: str
    stream: int
    scales: tuple[tuple[int, float], ...]
    """Period and standard deviation at the nodes. Periods in seconds divide a day."""

    def over_day(self, day_number: int, *, step_s: int) -> Ints:
        """Values of a day at every `step_s` seconds and at its end, in units of 2**-40; periods are multiples of it."""
        total = np.zeros(DAY_S // step_s + 1, dtype=np.int64)
        today, tomorrow = self._nodes(day_number), self._nodes(day_number + 1)
        first = 0
        for period, _ in self.scales:
            count = DAY_S // period
            nodes = np.append(today[first : first + count], tomorrow[first])
            total += interpolate(nodes, period // step_s)
            first += count
        return total

    def at_midnight(self, day_number: int) -> int:
        """Value at the start of a day: `over_day(day)[0]`, and `over_day(day - 1)[-1]`."""
        starts = np.cumsum([0] + [DAY_S // period for period, _ in self.scales[:-1]])
        return int(self._nodes(day_number)[starts].sum())

    def _nodes(self, day_number: int) -> Ints:
        counts = [DAY_S // period for period, _ in self.scales]
        words = draw_words(self.seed, self.name, self.stream, day_number, count=sum(counts))
        deviations = np.repeat([deviation * ONE for _, deviation in self.scales], counts)
        return np.rint(gaussian(words) * deviations).astype(np.int64)
