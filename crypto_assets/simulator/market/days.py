"""What a market is made of day by day, made when first asked for; the last few are kept."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Literal

import numpy as np

from crypto_assets.errors import Refused
from crypto_assets.simulator.market.calendar import END_DAY, FIRST_DAY, TradingCalendar
from crypto_assets.simulator.market.events import Event
from crypto_assets.simulator.market.history import COMMON, Ledger, make_history, make_ledger
from crypto_assets.simulator.market.klines import klines
from crypto_assets.simulator.market.noise import DAY_S
from crypto_assets.simulator.market.path import DayPath, make_moves, make_path, quote
from crypto_assets.simulator.market.perpetual import (
    OPEN_INTEREST_STEP_US,
    estimate_rates,
    last_prices,
    make_liquidations,
    make_open_interest,
    make_premium,
    mark_price,
    premium_at_midnight,
)
from crypto_assets.simulator.market.results import Ints, Liquidations, OpenInterest, Tape
from crypto_assets.simulator.market.spec import SymbolSpec, Venue, make_spec
from crypto_assets.simulator.market.tape import VenueDay, closing_price, make_tape
from crypto_assets.spans import DAY_US, SECOND_US

_KEPT_TAPES = 12  # of about 5 MB
_KEPT_PATHS = 12  # of about 1 MB
_KEPT_CANDLES = 20_000  # of about 1 KB


class MarketDays:
    """Histories, paths and tapes of a market's symbols. Safe to share between threads; a day may then be made twice."""

    def __init__(self, seed: int, symbols: tuple[str, ...], *, events: tuple[Event, ...]) -> None:
        self.seed = seed
        self.symbols = symbols
        self._specs = {symbol: make_spec(symbol) for symbol in symbols}
        self.history = lru_cache(maxsize=None)(lambda symbol: make_history(seed, self.spec(symbol)))
        self.calendar = lru_cache(maxsize=None)(lambda s, venue: TradingCalendar(self.spec(s), venue, events=events))
        self.ledger = lru_cache(maxsize=None)(self._make_ledger)
        self.path = lru_cache(maxsize=_KEPT_PATHS)(self._make_path)
        self.premium = lru_cache(maxsize=_KEPT_PATHS)(partial(make_premium, seed))
        self.tape = lru_cache(maxsize=_KEPT_TAPES)(self._make_tape)
        self.daily_candle = lru_cache(maxsize=_KEPT_CANDLES)(lambda *of: klines(self.tape(*of), DAY_S))
        self.second_prices = lru_cache(maxsize=_KEPT_PATHS)(self._make_second_prices)
        self.open_interest = lru_cache(maxsize=_KEPT_PATHS)(self._make_open_interest)
        self.funding_estimates = lru_cache(maxsize=64)(lambda *of: estimate_rates(self.premium(*of)))
        self._common = lru_cache(maxsize=4)(partial(make_moves, seed, COMMON))

    def spec(self, symbol: str) -> SymbolSpec:
        """The spec of one of the market's symbols; Refused with -1121 for another."""
        try:
            return self._specs[symbol]
        except KeyError:
            raise Refused(f"Invalid symbol {symbol}; there are {', '.join(self.symbols)}", code=-1121) from None

    def trading_days(self, symbol: str, venue: Venue) -> range:
        """Numbers of the days from listing to delisting."""
        calendar = self.calendar(symbol, venue)
        return range(calendar.listing_us // DAY_US, calendar.end_us // DAY_US)

    def venue_day(self, symbol: str, venue: Venue, number: int) -> VenueDay:
        """Everything that a tape and a book of one day are made of."""
        return VenueDay(
            seed=self.seed,
            spec=self.spec(symbol),
            venue=venue,
            day_number=number,
            history=self.history(symbol),
            ledger=self.ledger(symbol, venue),
            calendar=self.calendar(symbol, venue),
            path=self.path(symbol, number),
            premium=self.premium(symbol, number) if venue == "usdm" else None,
        )

    def price_before(self, symbol: str, venue: Venue, time_us: int) -> int:
        """Price of the last trade before a time; the first quote where there was none."""
        number = max(time_us // DAY_US, FIRST_DAY)
        return int(last_prices(self.tape(symbol, venue, number), np.array([time_us]))[0])

    def liquidations(self, symbol: str, number: int) -> Liquidations:
        """Liquidations of a day, none outside of the perpetual's life."""
        return make_liquidations(self.venue_day(symbol, "usdm", number), self.tape(symbol, "usdm", number))

    def _make_ledger(self, symbol: str, venue: Venue) -> Ledger:
        calendar = self.calendar(symbol, venue)
        return make_ledger(self.seed, self.spec(symbol), self.history(symbol), calendar, venue=venue)

    def _make_path(self, symbol: str, number: int) -> DayPath:
        history = self.history(symbol)
        return make_path(self.seed, self.spec(symbol), history, self._common(number), day_number=number)

    def _make_tape(self, symbol: str, venue: Venue, number: int) -> Tape:
        if not FIRST_DAY <= number < END_DAY:
            raise LookupError("the simulated market exists from 2017-08-17 to 2035-12-31")
        previous_close = self._previous_close(symbol, venue, number)
        return make_tape(self.venue_day(symbol, venue, number), previous_close=previous_close)

    def _previous_close(self, symbol: str, venue: Venue, number: int) -> int:
        """Price of the last trade before a day, from its tape only where an event may have changed it."""
        spec, history = self.spec(symbol), self.history(symbol)
        traded = np.flatnonzero(self.ledger(symbol, venue).orders[: number - FIRST_DAY])
        if not traded.size:
            tick, _ = spec.grid(venue)
            first = history.opening[max(0, self.trading_days(symbol, venue).start - FIRST_DAY) :][:1]
            return int(quote(first, np.array([spec.temper.spread_bps * 1e-4]), tick=tick)[0][0]) * tick
        last = int(traded[-1]) + FIRST_DAY
        if self.calendar(symbol, venue).is_scripted(last):
            return int(self.tape(symbol, venue, last).trades.price[-1])
        premium = premium_at_midnight(self.seed, symbol, last + 1) if venue == "usdm" else 0
        return closing_price(self.seed, spec, history, venue=venue, day_number=last, closing_premium=premium)

    def _make_second_prices(self, symbol: str, kind: Literal["mark", "index", "premium"], number: int) -> Ints:
        """Mark price, index price (the last spot trade before) or premium at each second of a day, [86400]."""
        if kind == "premium":
            return self.premium(symbol, number)[:DAY_S]
        if kind == "mark":
            return mark_price(self.second_prices(symbol, "index", number), self.premium(symbol, number)[:DAY_S])
        seconds = number * DAY_US + np.arange(DAY_S, dtype=np.int64) * SECOND_US
        return last_prices(self.tape(symbol, "spot", number), seconds)

    def _make_open_interest(self, symbol: str, number: int) -> OpenInterest:
        second = np.arange(1, 289) * (OPEN_INTEREST_STEP_US // SECOND_US) - 1
        return make_open_interest(
            self.seed,
            self.spec(symbol),
            self.history(symbol),
            self.tape(symbol, "usdm", number),
            day_number=number,
            mark_prices=self.second_prices(symbol, "mark", number)[second],
        )
