"""Symbols: ticks, lots, listing dates and levels of the known ones; those of any other name follow from a hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

Venue = Literal["spot", "usdm"]

UNIT = 10**8
"""Prices and quantities are integers in 1e-8."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How a symbol's market behaves."""

    daily_volatility: float
    """Standard deviation of a usual day's log return."""
    orders_per_day: int
    """Taker orders of a usual day on spot."""
    order_value: float
    """Mean value of a taker order, quote units."""
    depth_value: float
    """Mean value of a level of the book, quote units."""
    spread_bps: float
    """Usual spread."""


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
    levels: tuple[float, ...] = field(repr=False)
    """Rough prices on the listing day and on each 1 January after it; beyond the last one the level wanders."""
    temper: Temper = field(repr=False)

    @property
    def tick(self) -> int:
        """Spot tick size in 1e-8."""
        return int(self.tick_size * UNIT)

    @property
    def lot(self) -> int:
        """Spot lot size in 1e-8."""
        return int(self.lot_size * UNIT)

    def grid(self, venue: Venue) -> tuple[int, int]:
        """Tick and lot of a venue in 1e-8."""
        if venue == "spot":
            return self.tick, self.lot
        return int(self.futures_tick_size * UNIT), int(self.futures_lot_size * UNIT)

    def listed(self, venue: Venue) -> date | None:
        """First day of trading on a venue."""
        return self.listed_on if venue == "spot" else self.futures_listed_on


_QUOTES = {
    "USDT": 1.0,
    "USDC": 1.0,
    "FDUSD": 1.0,
    "TUSD": 1.0,
    "BUSD": 1.0,
    "USD": 1.0,
    "EUR": 1.1,
    "TRY": 0.03,
    "BTC": 60_000.0,
    "ETH": 2_500.0,
    "BNB": 500.0,
}
"""Quote assets and a rough value of one of them, by which order sizes scale."""

# symbol: tick, lot, futures tick, futures lot, listed, futures listed, delisted, volatility, orders, value, levels
_KNOWN: dict[str, tuple[str, str, str, str, str, str, str | None, float, int, float, tuple[float, ...]]] = {
    "BTCUSDT": ("0.01", "0.00001", "0.10", "0.001", "2017-08-17", "2019-09-08", None, 0.026, 60_000, 4_000.0,
                (4_300, 13_500, 3_700, 7_200, 29_000, 46_500, 16_500, 42_500, 94_000, 88_000)),
    "ETHUSDT": ("0.01", "0.0001", "0.01", "0.001", "2017-08-17", "2019-11-27", None, 0.034, 46_000, 3_000.0,
                (300, 740, 135, 130, 730, 3_700, 1_200, 2_280, 3_340, 2_970)),
    "BNBUSDT": ("0.01", "0.001", "0.01", "0.01", "2017-11-06", "2020-02-10", None, 0.030, 28_000, 1_200.0,
                (1.6, 8.6, 6.0, 13.7, 37.5, 513, 246, 313, 703, 860)),
    "SOLUSDT": ("0.01", "0.001", "0.01", "0.01", "2020-08-11", "2020-09-14", None, 0.045, 38_000, 1_500.0,
                (3.2, 1.5, 170, 10, 102, 190, 125)),
    "XRPUSDT": ("0.0001", "0.1", "0.0001", "0.1", "2018-05-04", "2020-01-06", None, 0.038, 30_000, 1_200.0,
                (0.85, 0.35, 0.19, 0.24, 0.83, 0.34, 0.62, 2.08, 1.84)),
    "DOGEUSDT": ("0.00001", "1", "0.00001", "1", "2019-07-05", "2020-07-10", None, 0.046, 30_000, 900.0,
                 (0.0035, 0.002, 0.0047, 0.17, 0.07, 0.09, 0.316, 0.118)),
    "ADAUSDT": ("0.0001", "0.1", "0.0001", "1", "2018-04-17", "2020-01-31", None, 0.040, 26_000, 800.0,
                (0.21, 0.041, 0.033, 0.18, 1.31, 0.246, 0.594, 0.845, 0.33)),
    "LTCUSDT": ("0.01", "0.001", "0.01", "0.001", "2017-12-13", "2020-01-09", None, 0.036, 24_000, 800.0,
                (300, 230, 30, 41, 125, 147, 70, 73, 103, 77)),
    "LINKUSDT": ("0.01", "0.01", "0.001", "0.01", "2019-01-16", "2020-01-17", None, 0.042, 25_000, 800.0,
                 (0.5, 1.75, 11.2, 19.6, 5.6, 15, 20, 12.3)),
    "AVAXUSDT": ("0.01", "0.01", "0.001", "0.1", "2020-09-22", "2020-09-23", None, 0.046, 25_000, 800.0,
                 (5.2, 3.2, 109, 10.9, 38.6, 35.8, 12.3)),
    "TRXUSDT": ("0.0001", "0.1", "0.00001", "1", "2018-06-11", "2020-01-15", None, 0.030, 24_000, 700.0,
                (0.045, 0.019, 0.0133, 0.027, 0.0755, 0.0546, 0.108, 0.2545, 0.285)),
    "DOTUSDT": ("0.001", "0.01", "0.001", "0.1", "2020-08-18", "2020-08-22", None, 0.042, 24_000, 700.0,
                (2.9, 9.3, 26.7, 4.3, 8.2, 6.6, 1.8)),
    "LUNAUSDT": ("0.01", "0.01", "0.001", "1", "2020-08-21", "2021-02-25", "2022-05-13", 0.055, 26_000, 900.0,
                 (0.5, 0.65, 85, 2)),
}  # fmt: skip


def make_spec(symbol: str) -> SymbolSpec:
    """The spec of any symbol; equal names give equal specs everywhere."""
    return _known_spec(symbol) if symbol in _KNOWN else _derived_spec(symbol)


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote asset; a name that ends in no known quote asset is split in the middle."""
    for quote in sorted(_QUOTES, key=len, reverse=True):
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    middle = (len(symbol) + 1) // 2
    return symbol[:middle], symbol[middle:] or symbol


def _known_spec(symbol: str) -> SymbolSpec:
    tick, lot, futures_tick, futures_lot, listed, futures_listed, delisted, volatility, orders, value, levels = _KNOWN[
        symbol
    ]
    base, quote = split_symbol(symbol)
    return SymbolSpec(
        symbol=symbol,
        base_asset=base,
        quote_asset=quote,
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_notional=Decimal(5),
        listed_on=date.fromisoformat(listed),
        delisted_on=date.fromisoformat(delisted) if delisted else None,
        futures_listed_on=date.fromisoformat(futures_listed),
        futures_tick_size=Decimal(futures_tick),
        futures_lot_size=Decimal(futures_lot),
        levels=levels,
        temper=Temper(volatility, orders, value, value * 6, 1.2),
    )


def _derived_spec(symbol: str) -> SymbolSpec:
    """A spec from the hash of the name: a price of 5 to 6 digits, and lots of about a cent to ten quote units."""
    digest = hashlib.sha256(f"spec of {symbol}".encode()).digest()
    base, quote = split_symbol(symbol)
    quote_value = _QUOTES.get(quote, 1.0)
    exponent = -4 + digest[0] % 4 if quote_value > 100 else -2 + digest[0] % 5  # 0.0001 to 0.99, or 0.01 to 9,999
    level = float(Decimal(10 + digest[1] % 90).scaleb(exponent - 1))
    tick_exponent = max(-8, exponent - 4)
    lot_exponent = max(-8 - tick_exponent, -exponent - 2)  # price times quantity then has at most 8 decimals
    listed = date(2018, 6, 1) + timedelta(days=int.from_bytes(digest[2:4], "big") % 1_600)
    value = (300 + digest[4] * 5) / quote_value
    tick, lot = Decimal(1).scaleb(tick_exponent), Decimal(1).scaleb(lot_exponent)
    return SymbolSpec(
        symbol=symbol,
        base_asset=base,
        quote_asset=quote,
        tick_size=tick,
        lot_size=lot,
        min_notional=Decimal(5) if quote_value <= 100 else Decimal("0.0001"),
        listed_on=listed,
        delisted_on=None,
        futures_listed_on=listed + timedelta(days=120) if quote in {"USDT", "USDC"} else None,
        futures_tick_size=tick,
        futures_lot_size=lot,
        levels=(level,),
        temper=Temper(0.03 + digest[5] / 8_000, 23_000 + digest[6] * 40, value, value * 6, 1.2 + digest[7] / 256),
    )
