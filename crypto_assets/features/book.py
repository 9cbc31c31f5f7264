"""The order book minute by minute: the last state of each, and averages over the states in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crypto_assets.features.minutes import Coverage, MinuteGrid, ago, is_present
from crypto_assets.features.rolling import FloatArray, IntArray, ratio
from crypto_assets.flags import is_flagged
from crypto_assets.schemas import BOOK_LEVELS, SILVER_ORDERBOOK
from crypto_assets.spans import MINUTE_US, times_us

NOT_READ = ("crossed", "out_of_range")
"""States with one of these flags are passed over, as are those without a best bid and a best ask."""

PRESSURE_MINUTES = (1, 5)
AVERAGED_LEVELS = 5
"""Levels whose imbalance is averaged over the states of a minute."""

Side = Literal["bid", "ask"]
Levels = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BookMinutes:
    """One entry a minute of the grid; NaN where no state became known in the minute.

    Prices and quantities are [minute, level], 0 where the book had fewer levels. A state belongs to the minute
    (start, end] in which it was known, so the last one is at most 60 s old at the end of the minute.
    """

    grid: MinuteGrid
    states: IntArray
    """States known in the minute."""
    price: dict[Side, Levels]
    quantity: dict[Side, Levels]
    depths: dict[Side, Levels]
    """Quantity of each level and all better ones."""
    spread_mean: FloatArray
    spread_max: FloatArray
    imbalance_mean: FloatArray
    imbalance_std: FloatArray

    @property
    def coverage(self) -> Coverage:
        """Ready where states are known in the minute and in those that it is compared with."""
        known = self.states > 0
        compared = [ago(known, minutes) for minutes in PRESSURE_MINUTES]
        return Coverage(present=is_present(known), ready=np.logical_and.reduce([known, *compared]))

    @property
    def mid(self) -> FloatArray:
        """Half-way between the best bid and the best ask."""
        return (self.price["bid"][:, 0] + self.price["ask"][:, 0]) / 2

    @property
    def spread(self) -> FloatArray:
        """Distance of the best ask from the best bid, bps of the mid price."""
        return _spread_bps(self.price["bid"][:, 0], self.price["ask"][:, 0])

    def depth(self, side: Side, levels: int) -> FloatArray:
        """Quantity on the best levels of a side, base asset."""
        return self.depths[side][:, levels - 1]

    def imbalance(self, levels: int) -> FloatArray:
        """(B - A) / (B + A) of the quantities on the best levels."""
        return _imbalance(self.depth("bid", levels), self.depth("ask", levels))

    def whale(self, side: Side) -> IntArray:
        """Level that holds the largest quantity of a side, counted from 0; the best of several."""
        return np.argmax(self.quantity[side], axis=1)


def read_book(table: pa.Table | None, *, grid: MinuteGrid) -> BookMinutes:
    """The minutes of a silver order book, sorted by time; None gives a grid without any state."""
    known: pa.Table = _readable(SILVER_ORDERBOOK.payload.empty_table() if table is None else table, grid=grid)
    minute = (times_us(known["time"]) - grid.start_us - 1) // MINUTE_US
    states = np.bincount(minute, minlength=grid.size).astype(np.int64)
    last = np.where(states > 0, np.cumsum(states) - 1, -1)
    spread = _spread_bps(_values(known["bid_price_1"]), _values(known["ask_price_1"]))
    imbalance = _imbalance(_depth(known, "bid"), _depth(known, "ask"))
    mean = _mean(minute, imbalance, states)
    quantity: dict[Side, Levels] = {
        "bid": _levels(known, "bid_quantity", last),
        "ask": _levels(known, "ask_quantity", last),
    }
    return BookMinutes(
        grid=grid,
        states=states,
        price={"bid": _levels(known, "bid_price", last), "ask": _levels(known, "ask_price", last)},
        quantity=quantity,
        depths={side: np.cumsum(levels, axis=1) for side, levels in quantity.items()},
        spread_mean=_mean(minute, spread, states),
        spread_max=_largest(spread, states),
        imbalance_mean=mean,
        imbalance_std=np.sqrt(_mean(minute, (imbalance - mean[minute]) ** 2, states)),
    )


def _readable(table: pa.Table, *, grid: MinuteGrid) -> pa.Table:
    """The states of the grid that are sound; known in (start, end], as a minute's own are."""
    bounds = np.searchsorted(times_us(table["time"]), [grid.start_us, grid.end_us], side="right")
    table = table.slice(int(bounds[0]), int(bounds[1] - bounds[0]))
    bid, ask = _values(table["bid_price_1"]), _values(table["ask_price_1"])
    is_read = (bid > 0) & (ask > bid) & ~is_flagged(table, *NOT_READ)
    is_read &= (_values(table["bid_quantity_1"]) > 0) & (_values(table["ask_quantity_1"]) > 0)
    return table if is_read.all() else table.filter(pa.array(is_read))


def _values(column: pa.ChunkedArray) -> FloatArray:
    return column.to_numpy().astype(np.float64, copy=False)


def _depth(table: pa.Table, side: Side) -> FloatArray:
    total = np.zeros(table.num_rows)
    for level in range(1, AVERAGED_LEVELS + 1):
        total += _or_zero(_values(table[f"{side}_quantity_{level}"]))
    return total


def _levels(table: pa.Table, name: str, last: IntArray) -> Levels:
    """[minute, level] of the last state of each minute: 0 for a level it lacks, NaN for a minute without a state."""
    known = last >= 0
    levels = np.full((last.size, BOOK_LEVELS), np.nan)
    for level in range(BOOK_LEVELS):
        levels[known, level] = _or_zero(_values(table[f"{name}_{level + 1}"])[last[known]])
    return levels


def _or_zero(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), 0.0, values)


def _mean(minute: IntArray, values: FloatArray, states: IntArray) -> FloatArray:
    total = np.bincount(minute, weights=values, minlength=states.size).astype(np.float64)
    return ratio(total, states.astype(np.float64), otherwise=np.nan)


def _largest(values: FloatArray, states: IntArray) -> FloatArray:
    largest = np.full(states.size, np.nan)
    known = states > 0
    first = np.cumsum(states) - states
    if known.any():
        largest[known] = np.maximum.reduceat(values, first[known])
    return largest


def _spread_bps(bid: FloatArray, ask: FloatArray) -> FloatArray:
    return (ask - bid) / ((ask + bid) / 2) * 1e4


def _imbalance(bid: FloatArray, ask: FloatArray) -> FloatArray:
    return ratio(bid - ask, bid + ask, otherwise=0.0)
