"""Scripted incidents that a market is made with: halts and flash crashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Halt:
    """No trade in [start, end), and no candle that lies wholly inside; trades due then crowd in beside the halt."""

    start: datetime
    end: datetime
    symbol: str | None = None
    """None halts every symbol."""


@dataclass(frozen=True, slots=True)
class FlashCrash:
    """Spot trades in [at, at + duration_ms) happen at `price` (1e-8 quote units); the next one does if there are none."""

    symbol: str
    at: datetime
    price: int
    duration_ms: int = 1_000


Event = Halt | FlashCrash
