"""What the demo materialises, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.features.inputs import LEAD_IN_DAYS
from crypto_assets.schemas import (
    BRONZE,
    BRONZE_KLINES,
    BRONZE_ORDERBOOK,
    BRONZE_TRADES,
    SILVER,
    SILVER_KLINES,
    SILVER_ORDERBOOK,
    Dataset,
)

PUBLISHED_AFTER = timedelta(hours=6)
"""How long after its end the archive has a day for sure: Binance's files appear 4 to 6 hours after it, simulated ones
after 5."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One run over a range of days, both ends included."""

    assets: tuple[str, ...]
    first: date
    last: date
    job: str | None = "medallion"
    """Job that has these assets; None where none has."""

    @property
    def days(self) -> tuple[date, ...]:
        """Each day of the range."""
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    @property
    def partitions(self) -> int:
        """Asset partitions that the stage writes for a symbol."""
        return len(self.assets) * len(self.days)


def last_day(now: datetime) -> date:
    """The newest UTC day of which the archive has files: yesterday, but in the first hours of a day the one before."""
    return (now.astimezone(UTC) - PUBLISHED_AFTER).date() - timedelta(days=1)


def plan_stages(*, days: int, last: date) -> tuple[Stage, ...]:
    """Runs, one after the other, that give features of the `days` that end with `last`.

    Candles with the days that the first one looks back on; futures data with the day before, whose last payment and
    open interest the first hours need; then the order book, and the features.
    """
    first = last - timedelta(days=days - 1)
    candles = [*BRONZE_KLINES.values(), *SILVER_KLINES.values()]
    book = [BRONZE_ORDERBOOK, SILVER_ORDERBOOK]
    futures = [d for d in (*BRONZE, *SILVER) if d not in (*candles, *book, BRONZE_TRADES)]
    return (
        Stage(_names(candles), first - timedelta(days=LEAD_IN_DAYS), last),
        Stage(_names(futures), first - timedelta(days=1), last),
        Stage(_names([*book, GOLD_FEATURES]), first, last),
    )


def plan_trades(day: date) -> Stage:
    """The day's trades, which no feature needs and PostgreSQL gets."""
    return Stage((BRONZE_TRADES.name,), day, day, job=None)


def _names(datasets: Iterable[Dataset]) -> tuple[str, ...]:
    return tuple(dataset.name for dataset in datasets)


def symbols_of_demo(symbols: Sequence[str]) -> tuple[str, ...]:
    """The first three symbols: enough to see them side by side."""
    return tuple(symbols[:3])
