"""The simulated market as the endpoints see it: with the incidents now in force, one calculation at a time."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Literal

import polars as pl

from crypto_assets.simulator.decimal_text import Digits, decimals_of
from crypto_assets.simulator.exchange_data import KlineKind, TradeKind
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.frames import (
    agg_trade_frame,
    funding_frame,
    kline_frame,
    open_interest_frame,
    price_kline_frame,
    trade_frame,
)
from crypto_assets.simulator.market import Event, Market, SymbolSpec, Venue
from crypto_assets.simulator.market.results import Ints
from crypto_assets.spans import Span, to_us

_PRICES: dict[KlineKind, Literal["mark", "index", "premium"]] = {
    "markPriceKlines": "mark",
    "indexPriceKlines": "index",
    "premiumIndexKlines": "premium",
}


class SimulatedData:
    """Answers from a Market that is made anew whenever the scripted halts and crashes change."""

    def __init__(self, *, seed: int, symbols: Sequence[str], faults: FaultBook) -> None:
        self._seed = seed
        self._symbols = tuple(symbols)
        self._faults = faults
        self._lock = threading.RLock()
        self._events = faults.market_events()
        self._market = self._make()

    @property
    def events(self) -> tuple[Event, ...]:
        """The incidents that the market has now."""
        return self._faults.market_events()

    @contextmanager
    def market(self) -> Generator[Market]:
        """The market, for one caller at a time: it keeps what it computed last and is not safe to share."""
        with self._lock:
            events = self._faults.market_events()
            if events != self._events:
                self._events = events
                self._market = self._make()
            yield self._market

    def symbols(self, venue: Venue) -> tuple[str, ...]:
        """The symbols of the venue in the order given."""
        return tuple(s for s in self._symbols if self.spec(s).listed(venue) is not None)

    def spec(self, symbol: str) -> SymbolSpec:
        """What is fixed of a symbol."""
        return self._market.spec(symbol)

    def life(self, symbol: str, venue: Venue) -> Span:
        """From the opening to the delisting."""
        return self._market.life(symbol, venue=venue)

    def listed_times(self, symbol: str, venue: Venue, times_us: Ints) -> Ints:
        """Those of the times that lie between the opening and the delisting, both included."""
        life = self.life(symbol, venue)
        return times_us[(times_us >= to_us(life.start)) & (times_us <= to_us(life.end))]

    def digits(self, symbol: str, venue: Venue) -> Digits:
        """How many digits the venue prints of the symbol's prices and quantities."""
        if venue == "spot":
            return Digits()
        spec = self.spec(symbol)
        return Digits(price=decimals_of(spec.futures_tick_size), lot=decimals_of(spec.futures_lot_size))

    def klines(
        self, symbol: str, interval: str, start_us: int, end_us: int, *, venue: Venue, kind: KlineKind, until_us: int
    ) -> pl.DataFrame:
        """Candles of trades, or of the perpetual's prices."""
        with self.market() as market:
            if kind == "klines":
                candles = market.klines(symbol, interval, start_us, end_us, venue=venue, until_us=until_us)
                return kline_frame(candles, self.digits(symbol, venue))
            price = _PRICES[kind]
            return price_kline_frame(market.price_klines(symbol, price, interval, start_us, end_us, until_us=until_us))

    def trades(self, symbol: str, start_us: int, end_us: int, *, venue: Venue, kind: TradeKind) -> pl.DataFrame:
        """Trades or aggregates of the span."""
        digits = self.digits(symbol, venue)
        with self.market() as market:
            if kind == "trades":
                return trade_frame(market.trades(symbol, start_us, end_us, venue=venue), digits)
            return agg_trade_frame(market.agg_trades(symbol, start_us, end_us, venue=venue), digits)

    def trades_by_id(self, symbol: str, first_id: int, count: int, *, venue: Venue, kind: TradeKind) -> pl.DataFrame:
        """`count` trades or aggregates from an id on."""
        digits = self.digits(symbol, venue)
        with self.market() as market:
            if kind == "trades":
                return trade_frame(market.trades_by_id(symbol, first_id, count, venue=venue), digits)
            return agg_trade_frame(market.agg_trades_by_id(symbol, first_id, count, venue=venue), digits)

    def funding(self, symbol: str, start_us: int, end_us: int) -> pl.DataFrame:
        """Funding payments of the span."""
        with self.market() as market:
            return funding_frame(market.funding(symbol, start_us, end_us))

    def open_interest(self, symbol: str, times_us: Ints) -> pl.DataFrame:
        """Figures of the periods that had last ended at each time of the perpetual's life."""
        with self.market() as market:
            return open_interest_frame(market.open_interest(symbol, self.listed_times(symbol, "usdm", times_us)))

    def _make(self) -> Market:
        return Market(self._seed, self._symbols, events=self._events)
