"""Symbols: ticks, lots, listing dates and levels of the known ones; those of any other name follow from a hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """What exchangeInfo says of a symbol, and the shape of its simulated market."""

    symbol: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    listed_on: date
    delisted_on: date | None
    """First day without trading; None while the symbol trades."""
    futures_listed_on: date | None
    """First day of the USD-M perpetual; None where there is none."""
    futures_tick_size: Decimal
    futures_lot_size: Decimal
    tick: int
    """Tick size in 1e-8."""
    lot: int
    """Lot size in 1e-8."""
