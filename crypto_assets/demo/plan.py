"""What the demo materialises, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.features.inputs import LEAD_IN_DAYS
from crypto_assets.schemas import BRONZE, BRONZE_KLINES, BRONZE_TRADES, SILVER, SILVER_KLINES


@dataclass(frozen=True, slots=True)
class Stage:
    """One run over a range of days, both ends included."""

    assets: tuple[str, ...]
    first: date
    last: date

    @property
    def days(self) -> tuple[date, ...]:
        """Each day of the range."""
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    @property
    def partitions(self) -> int:
        """Asset partitions that the stage writes for a symbol."""
        return len(self.assets) * len(self.days)


def plan_stages(*, days: int, today: date) -> tuple[Stage, ...]:
    """Candles of the lead-in, then the medallion job's assets for the last complete `days` before `today`."""
    first = today - timedelta(days=days)
    candles = [dataset.name for dataset in (*BRONZE_KLINES.values(), *SILVER_KLINES.values())]
    everything = [dataset.name for dataset in (*BRONZE, *SILVER) if dataset is not BRONZE_TRADES]
    return (
        Stage(tuple(candles), first - timedelta(days=LEAD_IN_DAYS), first - timedelta(days=1)),
        Stage((*everything, GOLD_FEATURES.name), first, today - timedelta(days=1)),
    )


def symbols_of_demo(symbols: Sequence[str]) -> tuple[str, ...]:
    """The first three symbols: enough to see them side by side."""
    return tuple(symbols[:3])
