"""A symbol's years at once: the price at each midnight, how lively each day is, and the ids its trades begin with.

One draw and one cumulative sum over all days from 2017 to 2035 cost less than a millisecond, so that any day is reached
without walking the days before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from functools import lru_cache

import numpy as np

from crypto_assets.simulator.market.calendar import END_DAY, FIRST_DAY, TradingCalendar, day_of, number_of
from crypto_assets.simulator.market.exact import (
    LN2,
    ONE,
    Floats,
    below,
    draw_words,
    exp2,
    gaussian,
    interpolate,
    log2_fixed,
)
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.market.spec import UNIT, SymbolSpec, Venue

DAYS = END_DAY - FIRST_DAY
COMMON = "the whole market"
"""Name of the streams that all symbols share: half of their moves and of their liveliness is common."""

_REGIMES = ((128, 0.22), (32, 0.22), (8, 0.25), (2, 0.25))  # days between nodes, deviation of log2 liveliness
COMMON_SHARE, OWN_SHARE = 0.8, 0.6  # squares add up to one


class Stream(IntEnum):
    """What a random stream is for; a new number for every new use, or streams would repeat each other."""

    DAILY_MOVES = 1
    LEVELS = 2
    COUNTS = 3
    SECONDS = 4
    LIVELINESS = 5
    AFTERSHOCKS = 6
    ORDERS = 7
    CLOSING = 8
    FLOW = 9
    FILLS = 10
    ARRIVALS = 11
    PREMIUM = 12
    OPEN_INTEREST = 13
    RATIOS = 14
    LIQUIDATIONS = 15
    FUNDING_JITTER = 16
    BOOK = 17
    REGIMES = 32  # and the numbers after it, one a scale


@dataclass(frozen=True, slots=True)
class History:
    """Price and liveliness of a symbol at each midnight; index 0 is 2017-08-17, arrays have DAYS + 1 values."""

    opening: Ints
    """Logarithm to base 2 of the price in 1e-8, in units of 2**-40."""
    liveliness: Ints
    """Logarithm to base 2 of the factor by which moves are larger than usual, in units of 2**-40."""
    slow_price: Ints
    """`opening` seen through straight lines of 128 days: the level that slow quantities follow."""


def make_history(seed: int, spec: SymbolSpec) -> History:
    """Midnight prices: a random walk, bent to pass through the spec's levels and the drawn ones after them."""
    regimes = COMMON_SHARE * _regimes(seed, COMMON) + OWN_SHARE * _regimes(seed, spec.symbol)
    liveliness = np.rint(regimes).astype(np.int64)
    moves = COMMON_SHARE * _daily_moves(seed, COMMON) + OWN_SHARE * _daily_moves(seed, spec.symbol)
    scale = exp2((liveliness[:-1] + liveliness[1:]) >> 1) * (spec.temper.daily_volatility / LN2 * ONE)
    walk = np.concatenate(([0], np.cumsum(np.rint(moves * scale).astype(np.int64))))
    days, levels = _anchors(seed, spec)
    opening = walk - _through(days, walk[days]) + _through(days, levels)
    months = np.append(np.arange(0, DAYS, 128), DAYS)
    return History(opening, liveliness, _through(months, opening[months]))


@dataclass(frozen=True, slots=True)
class Ledger:
    """How many orders and trades each day of a venue has, and the ids before its first; index 0 is 2017-08-17."""

    orders: Ints
    trades: Ints
    first_order: Ints
    """[DAYS + 1], the last value is the number of all orders."""
    first_trade: Ints


def make_ledger(seed: int, spec: SymbolSpec, history: History, calendar: TradingCalendar, *, venue: Venue) -> Ledger:
    """Counts of every day from its liveliness; each third order has one more fill, on average."""
    usual = spec.temper.orders_per_day * (1.25 if venue == "usdm" else 1.0)
    jitter = 0.9 + below(_words(seed, f"{spec.symbol} {venue}", Stream.COUNTS), 1 << 16) * (0.2 / (1 << 16))
    lively = exp2((history.liveliness[:-1] + history.liveliness[1:]) * 3 // 8)
    orders = np.rint(np.clip(usual * _growth() * _weekly(0.8) * jitter * lively, 6_000, 160_000)).astype(np.int64)
    orders[[day - FIRST_DAY for day in calendar.silent_days()]] = 0
    trades = orders + orders // 3
    return Ledger(orders, trades, np.append(0, np.cumsum(orders)), np.append(0, np.cumsum(trades)))


def _words(seed: int, name: str, stream: Stream) -> np.ndarray:
    return draw_words(seed, name, stream, 0, count=DAYS)


@lru_cache(maxsize=8)
def _daily_moves(seed: int, name: str) -> Floats:
    return gaussian(_words(seed, name, Stream.DAILY_MOVES)) * _weekly(0.7)


@lru_cache(maxsize=8)
def _regimes(seed: int, name: str) -> Ints:
    total = np.zeros(DAYS + 1, dtype=np.int64)
    for scale, (period, deviation) in enumerate(_REGIMES):
        words = draw_words(seed, name, Stream.REGIMES + scale, 0, count=DAYS // period + 2)
        nodes = np.rint(gaussian(words) * (deviation * ONE)).astype(np.int64)
        total += interpolate(nodes, period)[: DAYS + 1]
    return total


def _weekly(weekend: float) -> Floats:
    """1 on workdays, `weekend` on Saturday and Sunday."""
    weekday = (np.arange(FIRST_DAY, END_DAY) + 3) % 7  # 1970-01-01 was a Thursday
    return np.where(weekday >= 5, weekend, 1.0)


def _growth() -> Floats:
    """The exchange grew: from a third of today's orders in 2017 to all of them in 2021."""
    grown = number_of(date(2021, 1, 1)) - FIRST_DAY
    return np.minimum(1.0, 0.35 + 0.65 / grown * np.arange(DAYS))


def _anchors(seed: int, spec: SymbolSpec) -> tuple[Ints, Ints]:
    """Days (as indices) and logarithms that the midnight prices pass through: listing day and each 1 January."""
    listed = max(number_of(spec.listed_on), FIRST_DAY)
    new_years = [number_of(date(year, 1, 1)) for year in range(day_of(listed).year + 1, 2037)]
    days = [listed, *new_years]
    shifts = gaussian(draw_words(seed, spec.symbol, Stream.LEVELS, 0, count=len(days)))
    logs: list[int] = []
    known = [log2_fixed(level * UNIT) for level in spec.levels]
    away = 0.0  # log2 distance from the last known level; pulled back, so that no symbol leaves its digits for good
    for number, shift in enumerate(shifts.tolist()):
        if number < len(known):
            logs.append(known[number] + round(0.12 * shift * ONE))
            continue
        away = min(2.0, max(-2.0, 0.75 * away + 0.6 * shift))
        logs.append(known[-1] + round(away * ONE))
    indices = np.array([0, *(day - FIRST_DAY for day in days)])
    values = np.array([logs[0], *logs], dtype=np.int64)
    keep = np.append(True, np.diff(indices) > 0)
    return indices[keep], values[keep]


def _through(days: Ints, values: Ints) -> Ints:
    """Straight lines through (days, values), at each of 0..DAYS."""
    at = np.arange(DAYS + 1)
    left = np.clip(np.searchsorted(days, at, side="right") - 1, 0, days.size - 2)
    run = days[left + 1] - days[left]
    return values[left] + (values[left + 1] - values[left]) * (at - days[left]) // run
