"""What is materialised, before anything runs: stages of assets over days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from crypto_assets.archive.landing import NAME as HDFS_KLINES_1S
from crypto_assets.archive.raw import NAME as RAW_KLINES_1S
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.features.inputs import LEAD_IN_DAYS
from crypto_assets.forecast.checkpoints import NAME as LSTM_CHECKPOINT
from crypto_assets.forecast.evaluations import LSTM_EVALUATION
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET
from crypto_assets.runs.events import Options
from crypto_assets.schemas import (
    BRONZE,
    BRONZE_KLINES,
    BRONZE_ORDERBOOK,
    BRONZE_TRADES,
    KLINES_1S,
    SILVER,
    SILVER_KLINES,
    SILVER_ORDERBOOK,
    Dataset,
)

ARCHIVE = (RAW_KLINES_1S, HDFS_KLINES_1S, KLINES_1S.name)
FORECAST = (LSTM_TRAINING_SET.name, LSTM_CHECKPOINT, LSTM_EVALUATION.name, LSTM_PREDICTIONS.name)
"""Assets of their groups, in the order in which they follow from each other."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One run over a range of days of a symbol, both ends included."""

    assets: tuple[str, ...]
    first: date
    last: date
    job: str | None = "medallion"
    """Job that has these assets; None where none has."""
    options: Options = field(default_factory=Options)
    """What each of the assets is configured with."""

    @property
    def days(self) -> tuple[date, ...]:
        """Each day of the range."""
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    @property
    def partitions(self) -> int:
        """Asset partitions that the stage writes for a symbol."""
        return len(self.assets) * len(self.days)


def plan_features(first: date, last: date, *, first_of_all: date = date.min) -> tuple[Stage, ...]:
    """Runs, one after the other, that give features of the days from `first` to `last`.

    Candles with the days that the first one looks back on; futures data with the day before, whose last payment and
    open interest the first hours need; then the order book, and the features. None begins before `first_of_all`.
    """
    candles = [*BRONZE_KLINES.values(), *SILVER_KLINES.values()]
    book = [BRONZE_ORDERBOOK, SILVER_ORDERBOOK]
    futures = [d for d in (*BRONZE, *SILVER) if d not in (*candles, *book, BRONZE_TRADES)]
    return (
        Stage(_names(candles), max(first - timedelta(days=LEAD_IN_DAYS), first_of_all), last),
        Stage(_names(futures), max(first - timedelta(days=1), first_of_all), last),
        Stage(_names([*book, GOLD_FEATURES]), max(first, first_of_all), last),
    )


def plan_trades(day: date) -> Stage:
    """The day's trades, which no feature needs and PostgreSQL gets."""
    return Stage((BRONZE_TRADES.name,), day, day, job=None)


def _names(datasets: Iterable[Dataset]) -> tuple[str, ...]:
    return tuple(dataset.name for dataset in datasets)
