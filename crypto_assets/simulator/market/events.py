"""Scripted incidents that a market is made with: halts and flash crashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Halt:
    """No trade in [start, end), and no candle that lies wholly inside.

    Trades that were due then come within a minute after the halt, or before it where it lasts over midnight; other
    trades of the day stay as they are. Days that lie wholly in a halt have none, and ids go on without them.
    """

    start: datetime
    end: datetime
    symbol: str | None = None
    """None halts every symbol."""


@dataclass(frozen=True, slots=True)
class FlashCrash:
    """Spot trades in [at, at + duration_ms) happen at `price` in 1e-8, rounded down to a tick.

    Where the span holds no trade, the day's next one has that price.
    """

    symbol: str
    at: datetime
    price: int
    duration_ms: int = 1_000


Event = Halt | FlashCrash
