"""Days of the simulated market: what the trades of one take, its candles, and memory over many days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import psutil

from bench.measuring import Rounds, Taken, cost_of, rss_mb
from bench.workspace import SYMBOL
from crypto_assets.simulator.market.market import Market
from crypto_assets.spans import day_span, to_us

SEED = 7
FIRST = date(2024, 8, 1)
FEW, MANY = 20, 60
"""Days after which memory is looked at; a market keeps the newest ones."""


def measure(_folder: Path, rounds: int) -> Taken:
    """Each round takes a day that the market has not made yet."""
    market = Market(SEED, [SYMBOL])
    days = [FIRST + timedelta(days=n) for n in range(rounds + 1)]
    costs = [
        (cost_of(lambda day=day: market.tape(SYMBOL, day)), cost_of(lambda day=day: candles(market, day)))
        for day in days
    ]
    yield "simulator.tape", Rounds([tape.cpu_s for tape, _ in costs[1:]])
    yield "simulator.klines", Rounds([klines.cpu_s for _, klines in costs[1:]])
    memories = [_memory_over_days(seed) for seed in range(rounds)]
    yield "simulator.memory", Rounds([many for _, many in memories], [few for few, _ in memories])


def candles(market: Market, day: date) -> None:
    """The 1m candles of a day."""
    span = day_span(day)
    market.klines(SYMBOL, "1m", to_us(span.start), to_us(span.end))


def _memory_over_days(seed: int) -> tuple[float, float]:
    """MB after few days and after many."""
    market, me = Market(seed, [SYMBOL]), psutil.Process()
    found: list[float] = []
    for number in range(MANY):
        candles(market, FIRST + timedelta(days=number))
        if number + 1 in (FEW, MANY):
            found.append(rss_mb(me))
    return found[0], found[1]
