"""A deterministic, random-access market: one tape of trades, and everything that follows from it."""

from crypto_assets.simulator.market.events import Event, FlashCrash, Halt
from crypto_assets.simulator.market.klines import klines
from crypto_assets.simulator.market.market import Market, Venue
from crypto_assets.simulator.market.results import (
    AggTrades,
    Book,
    Funding,
    KlineArrays,
    Liquidations,
    MarkPrices,
    OpenInterest,
    Tape,
    Ticker24h,
    Trades,
)
from crypto_assets.simulator.market.spec import SymbolSpec

__all__ = [
    "AggTrades",
    "Book",
    "Event",
    "FlashCrash",
    "Funding",
    "Halt",
    "KlineArrays",
    "Liquidations",
    "MarkPrices",
    "Market",
    "OpenInterest",
    "SymbolSpec",
    "Tape",
    "Ticker24h",
    "Trades",
    "Venue",
    "klines",
]
