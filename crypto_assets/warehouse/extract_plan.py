"""Which part of a day each of many readers takes, so that none of them needs what another one reads."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from crypto_assets.spans import day_span

MINUTES_OF_DAY = 1_440


@dataclass(frozen=True, slots=True)
class ExtractSpan:
    """Whole minutes [start, end) of one symbol, aware UTC: the facts of each can be computed alone."""

    symbol: str
    start: datetime
    end: datetime


def plan_extract(
    day: date, symbols: Sequence[str], pieces: int, *, trades: Mapping[str, int] | None = None
) -> list[ExtractSpan]:
    """Spans that together hold every minute of a UTC day of every symbol once, by symbol and start.

    Facts of them, one after the other, are the facts of the day in their order. There are `pieces` of them, but at
    least one a symbol and at most one a minute. With `trades`, how many each symbol has, those with many are cut into
    more spans; without, all into as many, give or take one.
    """
    names = sorted(set(symbols))
    return [span for symbol, count in _shares(names, pieces, trades or {}) for span in _cut(day, symbol, count)]


def _shares(symbols: Sequence[str], pieces: int, trades: Mapping[str, int]) -> list[tuple[str, int]]:
    """Spans of each symbol: the next one always goes to that whose spans hold the most trades."""
    shares = dict.fromkeys(symbols, 1)
    waiting = [(-float(trades.get(symbol, 1)), symbol) for symbol in symbols]
    heapq.heapify(waiting)
    for _ in range(min(pieces, MINUTES_OF_DAY * len(symbols)) - len(symbols)):
        _, symbol = heapq.heappop(waiting)
        shares[symbol] += 1
        if shares[symbol] < MINUTES_OF_DAY:
            heapq.heappush(waiting, (-trades.get(symbol, 1) / shares[symbol], symbol))
    return sorted(shares.items())


def _cut(day: date, symbol: str, count: int) -> list[ExtractSpan]:
    start = day_span(day).start
    edges = [start + timedelta(minutes=MINUTES_OF_DAY * piece // count) for piece in range(count + 1)]
    return [ExtractSpan(symbol, a, b) for a, b in pairwise(edges)]
