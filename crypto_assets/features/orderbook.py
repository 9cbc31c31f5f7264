"""Family order book: the last state known at `as_of`, at most a minute old, and averages over the minute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Unpack

import numpy as np

from crypto_assets.features.book import AVERAGED_LEVELS, PRESSURE_MINUTES, BookMinutes, Side
from crypto_assets.features.feature import Declared, Family, Feature
from crypto_assets.features.inputs import Source
from crypto_assets.features.rolling import FloatArray, shift
from crypto_assets.schemas import BOOK_LEVELS


def _book(
    name: str,
    *,
    inputs: tuple[str, ...],
    value: Callable[[BookMinutes], FloatArray],
    **declared: Unpack[Declared],
) -> Feature:
    """A feature of the book; `value` gives one entry a minute of its grid, `window` is in minutes."""
    return Feature(
        name=name,
        family=Family.ORDERBOOK,
        source=Source.ORDERBOOK,
        inputs=tuple(f"orderbook.{column}" for column in inputs),
        value=lambda window: window.of_minutes(window.book.grid, value(window.book)),
        **declared,
    )


def _quantities(levels: int) -> tuple[str, ...]:
    upto = f"1..{levels}" if levels > 1 else "1"
    return (f"bid_quantity_{upto}", f"ask_quantity_{upto}")


def _imbalance(levels: int) -> Feature:
    return _book(
        f"imbalance_{levels}level",
        unit="fraction",
        low=-1,
        high=1,
        description=f"bids less asks on the best {levels} level{'s' if levels > 1 else ''}, relative to both",
        formula=f"(B - A) / (B + A), quantities of {levels} level{'s' if levels > 1 else ''}",
        inputs=_quantities(levels),
        value=lambda book: book.imbalance(levels),
    )


def _pressure(levels: int, minutes: int) -> Feature:
    return _book(
        f"pressure_{levels}level_{minutes}m",
        unit="fraction",
        low=-2,
        high=2,
        description=f"change of imbalance_{levels}level within {minutes} minute{'s' if minutes > 1 else ''}",
        formula=f"imbalance_{levels}level less itself {minutes} min before",
        inputs=_quantities(levels),
        window=minutes + 1,
        value=lambda book: book.imbalance(levels) - shift(book.imbalance(levels), minutes),
    )


def _whale(side: Side) -> tuple[Feature, Feature]:
    sign = {"bid": 1.0, "ask": -1.0}[side]

    def quantity(book: BookMinutes) -> FloatArray:
        return book.quantity[side].max(axis=1)

    def distance(book: BookMinutes) -> FloatArray:
        price = book.price[side][np.arange(book.grid.size), book.whale(side)]
        return sign * (book.mid - price) / book.mid * 1e4

    return (
        _book(
            f"whale_{side}_size",
            unit="base asset",
            low=0,
            description=f"largest quantity on one of the best {BOOK_LEVELS} {side} levels",
            formula=f"max of {side} quantities",
            inputs=(f"{side}_quantity_1..{BOOK_LEVELS}",),
            value=quantity,
        ),
        _book(
            f"whale_{side}_distance_bps",
            unit="bps",
            low=0,
            high=10_000 if side == "bid" else None,
            description=f"distance of that level from the mid price; the nearest of equal {side} levels",
            formula="10,000 |mid - price| / mid",
            inputs=(f"{side}_price_1..{BOOK_LEVELS}", f"{side}_quantity_1..{BOOK_LEVELS}"),
            value=distance,
        ),
    )


def _depth(side: Side) -> Feature:
    return _book(
        f"{side}_depth_{BOOK_LEVELS}level",
        unit="base asset",
        low=0,
        description=f"quantity on the best {BOOK_LEVELS} {side} levels",
        formula=f"sum of {side} quantities",
        inputs=(f"{side}_quantity_1..{BOOK_LEVELS}",),
        value=lambda book: book.depth(side, BOOK_LEVELS),
    )


def _microprice_bps(book: BookMinutes) -> FloatArray:
    bid, ask = book.quantity["bid"][:, 0], book.quantity["ask"][:, 0]
    microprice = (book.price["ask"][:, 0] * bid + book.price["bid"][:, 0] * ask) / (bid + ask)
    return (microprice / book.mid - 1) * 1e4


_BEST = ("bid_price_1", "ask_price_1")
_spread = partial(_book, inputs=_BEST, unit="bps", low=0, high=20_000)
_averaged = partial(_book, inputs=_quantities(AVERAGED_LEVELS), unit="fraction", high=1)

FEATURES = (
    *(_imbalance(levels) for levels in (1, 3, 5, 10)),
    _spread(
        "spread_bps",
        description="distance between the best prices",
        formula="10,000 (ask - bid) / mid",
        value=lambda book: book.spread,
    ),
    _book(
        "microprice_bps",
        unit="bps",
        low=-10_000,
        high=10_000,
        description="where the best prices, each weighted by the quantity opposite, lie beside the mid price",
        formula="10,000 (microprice / mid - 1), microprice = (ask Q_bid + bid Q_ask) / (Q_bid + Q_ask)",
        inputs=(*_BEST, *_quantities(1)),
        value=_microprice_bps,
    ),
    *_whale("bid"),
    *_whale("ask"),
    _depth("bid"),
    _depth("ask"),
    _book(
        f"depth_ratio_{BOOK_LEVELS}level",
        unit="ratio",
        low=0,
        description="bid depth relative to ask depth",
        formula=f"bid_depth_{BOOK_LEVELS}level / ask_depth_{BOOK_LEVELS}level",
        inputs=_quantities(BOOK_LEVELS),
        value=lambda book: book.depth("bid", BOOK_LEVELS) / book.depth("ask", BOOK_LEVELS),
    ),
    *(_pressure(levels, PRESSURE_MINUTES[0]) for levels in (1, 5, 10)),
    _pressure(5, PRESSURE_MINUTES[1]),
    _spread(
        "spread_bps_mean_1m",
        description="mean spread of the states known in the minute",
        formula="mean of 10,000 (ask - bid) / mid",
        value=lambda book: book.spread_mean,
    ),
    _spread(
        "spread_bps_max_1m",
        description="widest spread of the states known in the minute",
        formula="max of 10,000 (ask - bid) / mid",
        value=lambda book: book.spread_max,
    ),
    _averaged(
        f"imbalance_{AVERAGED_LEVELS}level_mean_1m",
        low=-1,
        description="mean imbalance of the states known in the minute",
        formula=f"mean of imbalance_{AVERAGED_LEVELS}level",
        value=lambda book: book.imbalance_mean,
    ),
    _averaged(
        f"imbalance_{AVERAGED_LEVELS}level_std_1m",
        low=0,
        description="how much the imbalance varied in the minute; 0 where one state was known",
        formula=f"population deviation of imbalance_{AVERAGED_LEVELS}level",
        value=lambda book: book.imbalance_std,
    ),
)
