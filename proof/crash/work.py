"""What is done to three symbols and three days, order by order: all that the batch graph can make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec

from crypto_assets.demo.forecast import SMALL
from crypto_assets.features.inputs import LEAD_IN_DAYS
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.partitions import WholeDay, range_tags
from crypto_assets.runs.events import Options, Order
from crypto_assets.runs.stages import ARCHIVE, FORECAST, Stage, plan_features
from crypto_assets.runs.workers import orders_of
from crypto_assets.schemas import BRONZE_TRADES

LAST_DAY = date(2024, 8, 8)
"""Of a month that every exchange, also the simulated one, has long put into its archive: asked whenever, it answers
the same."""
QUICK: Options = {**SMALL, "epochs": 2, "folds": 2, "seeds": 1, "resamples": 200}
"""A model that is fitted and judged in the time of a Spark."""


class FillTrades(msgspec.Struct, frozen=True, tag=True):
    """The lake's trades of a day into PostgreSQL, as the live processor would have put them."""

    symbol: str
    day: date


class FillPrices(msgspec.Struct, frozen=True, tag=True):
    """A price a minute of a day into PostgreSQL, as the live processor would have put them."""

    symbol: str
    day: date


class Promote(msgspec.Struct, frozen=True, tag=True):
    """Put the model of a day in force, against its verdict if need be."""

    symbol: str
    day: date


type Task = Order | FillTrades | FillPrices | Promote


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of work, which is tried until it succeeds."""

    name: str
    task: Task


@dataclass(frozen=True, slots=True)
class Extent:
    """Which days and symbols."""

    symbols: tuple[str, ...]
    days: int

    @property
    def first(self) -> date:
        """First day that has features."""
        return LAST_DAY - timedelta(days=self.days - 1)

    @property
    def all_days(self) -> tuple[date, ...]:
        """Days that have features, ascending."""
        return tuple(self.first + timedelta(days=n) for n in range(self.days))

    @property
    def partitions_start(self) -> date:
        """First day of which candles are asked for."""
        return self.first - timedelta(days=LEAD_IN_DAYS)

    @property
    def model_day(self) -> date:
        """As of which models are made: the day before the last, so that the last is foretold by what never saw it."""
        return max(self.first, LAST_DAY - timedelta(days=1))


def plan_work(extent: Extent) -> tuple[Unit, ...]:
    """Every unit in an order in which each finds what it needs."""
    return (*_features(extent), *_archive(extent), *_fills(extent), *_of_all_symbols(extent), *_forecasts(extent))


def _features(extent: Extent) -> Iterator[Unit]:
    trades = Stage((BRONZE_TRADES.name,), extent.first, LAST_DAY, job=None)
    for symbol in extent.symbols:
        for stage in (*plan_features(extent.first, LAST_DAY), trades):
            what = "trades" if stage is trades else stage.assets[0].removeprefix("bronze_")
            yield from _orders(f"{what} {symbol}", symbol, stage)


def _archive(extent: Extent) -> Iterator[Unit]:
    for symbol in extent.symbols:
        yield from _orders(f"seconds {symbol}", symbol, Stage(ARCHIVE, extent.first, LAST_DAY, job="archive"))


def _fills(extent: Extent) -> Iterator[Unit]:
    for symbol in extent.symbols:
        for day in extent.all_days:
            yield Unit(f"trades into PostgreSQL {symbol} {day}", FillTrades(symbol, day))
            yield Unit(f"prices into PostgreSQL {symbol} {day}", FillPrices(symbol, day))


def _of_all_symbols(extent: Extent) -> Iterator[Unit]:
    tags = range_tags(WholeDay(extent.first), WholeDay(LAST_DAY))
    for job in ("speed", "warehouse", "share"):
        yield Unit(job, Order(job, (), tags))


def _forecasts(extent: Extent) -> Iterator[Unit]:
    day = extent.model_day
    options: Options = {**QUICK, "days": (day - extent.first).days + 1}
    foretold = Stage((LSTM_PREDICTIONS.name,), extent.first, LAST_DAY, job="forecast")
    for symbol in extent.symbols:
        yield from _orders(f"model {symbol}", symbol, Stage(FORECAST, day, day, job="forecast", options=options))
        yield Unit(f"promotion {symbol}", Promote(symbol, day))
        yield from _orders(f"predictions {symbol}", symbol, foretold)


def _orders(name: str, symbol: str, *stages: Stage) -> Sequence[Unit]:
    return [Unit(name, order) for order in orders_of(symbol, stages)]
