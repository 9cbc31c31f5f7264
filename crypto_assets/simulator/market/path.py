"""The latent price of one day, second by second, and the quotes around it.

The logarithm of the price is a walk whose steps grow and shrink with the liveliness of the moment: slow regimes, the
hours of the day, noise from hours down to a minute, and shocks with slowly fading aftershocks (Omori's law, which
squared returns of markets follow). The walk is bent to end at the next midnight's price, so that days join.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crypto_assets.simulator.market.calendar import FIRST_DAY, SLOTS_PER_DAY
from crypto_assets.simulator.market.exact import LOG2_E, ONE, Floats, draw_words, exp2, gaussian, interpolate, uniform
from crypto_assets.simulator.market.history import COMMON_SHARE, OWN_SHARE, History, Stream
from crypto_assets.simulator.market.noise import DAY_S, Noise
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.market.spec import SymbolSpec

STEP_S = 10
"""Liveliness is constant over so many seconds."""
STEPS = DAY_S // STEP_S

_SCALES = ((14_400, 0.35), (3_600, 0.3), (1_200, 0.28), (300, 0.3), (60, 0.3))
_SHOCKS_PER_DAY = 7
_TYPICAL_SQUARE = 2.1  # mean square of the liveliness within a day, so that seconds add up to a day's usual volatility

# log2 of liveliness at each full hour, UTC: quiet around 04:00, loudest when New York opens
_HOURS = (
    0.25,
    0.1,
    -0.15,
    -0.35,
    -0.45,
    -0.45,
    -0.35,
    -0.3,
    -0.25,
    -0.2,
    -0.2,
    -0.15,
    0.05,
    0.4,
    0.65,
    0.45,
    0.3,
    0.25,
    0.25,
    0.15,
    0.1,
    0.15,
    0.05,
    0.1,
)


@dataclass(frozen=True, slots=True)
class Moves:
    """Steps of a day before they are scaled."""

    seconds: Floats
    """Standard normal, [86400]."""
    log_liveliness: Ints
    """[STEPS], units of 2**-40."""
    shocks: Floats
    """Liveliness added by shocks and aftershocks, [STEPS]."""


def make_moves(seed: int, name: str, day_number: int) -> Moves:
    """The moves of one symbol, or of the whole market."""
    noise = Noise(seed, name, Stream.LIVELINESS, _SCALES).over_day(day_number, step_s=STEP_S)[:-1]
    shocks = _aftershocks(seed, name, day_number, elapsed_days=0) + _aftershocks(
        seed, name, day_number - 1, elapsed_days=1
    )
    seconds = gaussian(draw_words(seed, name, Stream.SECONDS, day_number, count=DAY_S))
    return Moves(seconds, noise, shocks)


def _aftershocks(seed: int, name: str, day_number: int, *, elapsed_days: int) -> Floats:
    """Liveliness left of the shocks of a day, as of that day or of the next one; it fades as 1 / (1 + age / tau)**2."""
    words = draw_words(seed, name, Stream.AFTERSHOCKS, day_number, count=3 * _SHOCKS_PER_DAY)
    when, strength, speed = uniform(words).reshape(3, _SHOCKS_PER_DAY)
    total = np.zeros(STEPS)
    clock = np.arange(STEPS) * STEP_S + elapsed_days * DAY_S
    for start, rarity, pace in zip(when * DAY_S, strength, speed, strict=True):
        tau = 30.0 + 600.0 * pace * pace
        age = (clock - start) / tau
        fading = 1.0 + np.maximum(age, 0.0)
        total += np.where(age >= 0.0, min(12.0, 0.55 / rarity) / (fading * fading), 0.0)
    return total


@dataclass(frozen=True, slots=True)
class DayPath:
    """Latent price and liveliness of one symbol on one UTC day."""

    log_price: Ints
    """At each second and at the next midnight, [86401]: log2 of the price in 1e-8, units of 2**-40."""
    liveliness: Floats
    """[STEPS], 1 is usual; includes the day's regime."""
    second_deviation: Floats
    """Standard deviation of log_price over a second, [STEPS]."""
    spread: Floats
    """Fraction of the price between the best bid and ask, [STEPS]."""
    closing_spread: float
    """Of the last 100 ms, known without the rest of the day."""

    def quotes(self, slots: Ints, *, tick: int, premium: Ints | None = None) -> tuple[Ints, Ints]:
        """Bid and ask in ticks that a maker would show in each 100 ms slot of the day, bid < ask, bid >= 1.

        `premium` is the perpetual's, in 1e-8, at each second and at the next midnight.
        """
        second, tenth = slots // 10, slots % 10
        left = self.log_price[second]
        log_price = left + (self.log_price[second + 1] - left) * tenth // 10
        spread = self.spread[second // STEP_S]
        closing = slots == SLOTS_PER_DAY - 1
        if closing.any():
            log_price = np.where(closing, self.log_price[-1], log_price)
            spread = np.where(closing, self.closing_spread, spread)
            second = np.where(closing, DAY_S, second)
        return quote(log_price, spread, tick=tick, premium=None if premium is None else premium[second])


def quote(log_price: Ints, spread: Floats, *, tick: int, premium: Ints | None = None) -> tuple[Ints, Ints]:
    """Bid and ask in ticks around a latent price; rounded outwards, so at least a tick apart."""
    middle = exp2(log_price) / tick
    if premium is not None:
        middle = middle * (1.0 + premium * 1e-8)
    half = middle * spread * 0.5
    bid = np.maximum(np.floor(middle - half), 1.0).astype(np.int64)
    ask = np.maximum(np.ceil(middle + half).astype(np.int64), bid + 1)
    return bid, ask


def make_path(seed: int, spec: SymbolSpec, history: History, common: Moves, *, day_number: int) -> DayPath:
    """The path of a day, from midnight's price to the next midnight's."""
    own = make_moves(seed, spec.symbol, day_number)
    index = day_number - FIRST_DAY
    regime = interpolate(history.liveliness[index : index + 2], STEPS)[:-1]
    hours = interpolate(np.rint(np.array([*_HOURS, _HOURS[0]]) * ONE).astype(np.int64), STEPS // 24)[:-1]
    mixed = np.rint(COMMON_SHARE * common.log_liveliness + OWN_SHARE * own.log_liveliness).astype(np.int64)
    moment = exp2(hours + mixed) * (1.0 + common.shocks + own.shocks)
    liveliness = moment * exp2(regime)
    weekend = 0.7 if (day_number + 3) % 7 >= 5 else 1.0
    usual = spec.temper.daily_volatility * LOG2_E * ONE * weekend
    deviation = liveliness * (usual / float(np.sqrt(DAY_S * _TYPICAL_SQUARE)))
    steps = (COMMON_SHARE * common.seconds + OWN_SHARE * own.seconds) * np.repeat(deviation, STEP_S)
    spread = spec.temper.spread_bps * 1e-4
    return DayPath(
        log_price=_bend(np.rint(steps).astype(np.int64), deviation, history.opening[index : index + 2]),
        liveliness=liveliness,
        second_deviation=deviation,
        spread=spread * np.minimum(0.6 + 0.4 * liveliness, 12.0),
        closing_spread=spread,
    )


def _bend(steps: Ints, deviation: Floats, ends: Ints) -> Ints:
    """The walk with these steps, led from one end to the other; what is missing is spread as the variance is."""
    walk = np.concatenate(([0], np.cumsum(steps)))
    weight = np.repeat(np.rint(deviation * deviation * 2.0**-40).astype(np.int64) + 1, STEP_S)
    elapsed = np.concatenate(([0], np.cumsum(weight)))
    missing = float(ends[1] - ends[0] - walk[-1])
    bent = ends[0] + walk + np.rint(elapsed * (missing / float(elapsed[-1]))).astype(np.int64)
    bent[-1] = ends[1]
    return bent
