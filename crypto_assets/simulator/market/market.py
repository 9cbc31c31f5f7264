"""The simulated market: everything that can be asked of it, by symbol and time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from crypto_assets.simulator.market.events import Event
from crypto_assets.simulator.market.results import (
    AggTrades,
    Book,
    Funding,
    Ints,
    KlineArrays,
    Liquidations,
    MarkPrices,
    OpenInterest,
    Tape,
    Ticker24h,
    Trades,
)
from crypto_assets.simulator.market.spec import SymbolSpec

Venue = Literal["spot", "usdm"]


class Market:
    """A deterministic market from 2017-08-17 to 2035-12-31: equal arguments give equal answers, in any order of asking.

    `symbol` of every method is one of `symbols`; another raises Refused with code -1121. Times are UTC microseconds,
    spans half-open. Before a symbol's listing, after its delisting and in halts there are no trades and no candles.
    `until_us` cuts the tape: nothing from then on is seen, and the candle that contains it is still open.
    """

    def __init__(self, seed: int, symbols: Sequence[str], *, events: Sequence[Event] = ()) -> None:
        raise NotImplementedError

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in the order given."""
        raise NotImplementedError

    def spec(self, symbol: str) -> SymbolSpec:
        raise NotImplementedError

    def tape(self, symbol: str, day: date, *, venue: Venue = "spot") -> Tape:
        """The trades of one day; the last few days asked for are kept."""
        raise NotImplementedError

    def futures_tape(self, symbol: str, day: date) -> Tape:
        """The perpetual's trades of one day: `tape` with venue usdm."""
        raise NotImplementedError

    def klines(
        self,
        symbol: str,
        interval: str,
        start_us: int,
        end_us: int,
        *,
        venue: Venue = "spot",
        until_us: int | None = None,
    ) -> KlineArrays:
        """Candles that open in [start, end). `interval` is Binance's: 1s 1m 3m ... 12h 1d 3d 1w 1M."""
        raise NotImplementedError

    def price_klines(
        self,
        symbol: str,
        kind: Literal["mark", "index", "premium"],
        interval: str,
        start_us: int,
        end_us: int,
        *,
        until_us: int | None = None,
    ) -> KlineArrays:
        """Candles over the perpetual's per-second prices; count is the number of samples, volumes are zero."""
        raise NotImplementedError

    def trades(self, symbol: str, start_us: int, end_us: int, *, venue: Venue = "spot") -> Trades:
        """Trades in [start, end)."""
        raise NotImplementedError

    def trades_by_id(self, symbol: str, first_id: int, count: int, *, venue: Venue = "spot") -> Trades:
        """The `count` trades from `first_id` on (fewer at the end of time)."""
        raise NotImplementedError

    def agg_trades(self, symbol: str, start_us: int, end_us: int, *, venue: Venue = "spot") -> AggTrades:
        """Aggregates in [start, end)."""
        raise NotImplementedError

    def agg_trades_by_id(self, symbol: str, first_id: int, count: int, *, venue: Venue = "spot") -> AggTrades:
        """The `count` aggregates from `first_id` on."""
        raise NotImplementedError

    def locate_trade(self, symbol: str, trade_id: int, *, venue: Venue = "spot") -> tuple[date, int]:
        """Day and row in its tape of a trade; LookupError where no such trade will ever be."""
        raise NotImplementedError

    def locate_agg(self, symbol: str, agg_id: int, *, venue: Venue = "spot") -> tuple[date, int]:
        """Day and row in its tape of an aggregate; LookupError where none will ever be."""
        raise NotImplementedError

    def book(self, symbol: str, times_us: Ints, *, levels: int = 20, venue: Venue = "spot") -> Book:
        """Order books at the starts of the 100 ms slots that `times_us` lie in."""
        raise NotImplementedError

    def depth(self, symbol: str, time_us: int, *, levels: int = 1000, venue: Venue = "spot") -> Book:
        """The order book of one moment, n = 1; fewer levels than asked for only where prices would not be above zero."""
        raise NotImplementedError

    def ticker_24h(self, symbol: str, time_us: int, *, venue: Venue = "spot") -> Ticker24h:
        """Statistics of the 24 hours that end at `time_us`."""
        raise NotImplementedError

    def funding(self, symbol: str, start_us: int, end_us: int) -> Funding:
        """Payments whose time (with its jitter) lies in [start, end)."""
        raise NotImplementedError

    def mark_prices(self, symbol: str, times_us: Ints) -> MarkPrices:
        """Mark and index price, and the running estimate of the funding rate."""
        raise NotImplementedError

    def open_interest(self, symbol: str, times_us: Ints) -> OpenInterest:
        """Figures of the last five-minute period that had ended at each time."""
        raise NotImplementedError

    def liquidations(self, symbol: str, day: date) -> Liquidations:
        """Liquidation orders of one day."""
        raise NotImplementedError
