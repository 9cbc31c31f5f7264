"""When the market of a symbol is open: in between, nothing streams."""

from __future__ import annotations

import numpy as np

from crypto_assets.simulator.clock import DAY_US, day_of
from crypto_assets.simulator.market import Market, Venue
from crypto_assets.simulator.market.results import Ints

type Spans = tuple[tuple[int, int], ...]


def closed_spans(market: Market, symbol: str, venue: Venue, *, start_us: int, end_us: int) -> Spans:
    """Spans without trading that touch [start, end], each from its true beginning, cut off at the end of that day."""
    first, last = start_us // DAY_US, end_us // DAY_US
    spans: list[tuple[int, int]] = []
    for number in range(first, last + 1):
        for closed_us, opened_us in _closed(market, symbol, venue, number):
            if spans and spans[-1][1] == closed_us:
                spans[-1] = (spans[-1][0], opened_us)
            else:
                spans.append((closed_us, opened_us))
    if spans and spans[0][0] == first * DAY_US:
        spans[0] = (_beginning(market, symbol, venue, first), spans[0][1])
    return tuple(spans)


def open_times(times_us: Ints, spans: Spans) -> Ints:
    """The moments that lie in none of the spans."""
    for closed_us, opened_us in spans:
        times_us = times_us[(times_us < closed_us) | (times_us >= opened_us)]
    return times_us


def paced(start_us: int, end_us: int, pace_us: int) -> Ints:
    """Multiples of the pace in [start, end)."""
    return np.arange(-(-start_us // pace_us) * pace_us, end_us, pace_us, dtype=np.int64)


def _beginning(market: Market, symbol: str, venue: Venue, number: int) -> int:
    """When the closed span began that reaches over the midnight at which a day starts."""
    begun_us = number * DAY_US
    while begun_us == number * DAY_US:
        number -= 1
        before = _closed(market, symbol, venue, number)
        if not before or before[-1][1] != begun_us:
            break
        begun_us = before[-1][0]
    return begun_us


def _closed(market: Market, symbol: str, venue: Venue, number: int) -> Spans:
    try:
        return market.tape(symbol, day_of(number * DAY_US), venue=venue).closed
    except LookupError:  # before the market's first day
        return ()
