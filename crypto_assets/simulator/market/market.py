"""The simulated market: everything that can be asked of it, by symbol and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import date
from typing import Literal

import numpy as np

from crypto_assets.simulator.market.book import join_books, make_book
from crypto_assets.simulator.market.calendar import FIRST_DAY, Closed, day_of, number_of
from crypto_assets.simulator.market.days import MarketDays
from crypto_assets.simulator.market.events import Event
from crypto_assets.simulator.market.klines import (
    END_OF_TIME_US,
    LONG_INTERVALS,
    SECONDS,
    klines,
    long_span,
    merge,
    sampled_klines,
)
from crypto_assets.simulator.market.perpetual import FUNDING_PERIOD_US, OPEN_INTEREST_STEP_US, funding_jitter_us
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
from crypto_assets.simulator.market.selection import between, chain, rows_between, rows_of
from crypto_assets.simulator.market.spec import SymbolSpec, Venue
from crypto_assets.simulator.market.ticker import make_tickers
from crypto_assets.spans import DAY_US, SECOND_US, Span, from_us

PriceKind = Literal["mark", "index", "premium"]


class Market:
    """A deterministic market from 2017-08-17 to 2035-12-31: equal arguments give equal answers, in any order of asking.

    `symbol` of every method is one of `symbols`; another raises Refused with code -1121. Times are UTC microseconds,
    spans half-open. Before a symbol's listing, after its delisting and in halts there are no trades and no candles;
    what has a value at every moment (books, prices of the perpetual) raises LookupError before and after.
    `until_us` cuts the tape: nothing from then on is seen, and the candle that contains it is still open.
    """

    def __init__(self, seed: int, symbols: Sequence[str], *, events: Sequence[Event] = ()) -> None:
        self._days = MarketDays(seed, tuple(symbols), events=tuple(events))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in the order given."""
        return self._days.symbols

    def spec(self, symbol: str) -> SymbolSpec:
        """What exchangeInfo says of a symbol."""
        return self._days.spec(symbol)

    def tape(self, symbol: str, day: date, *, venue: Venue = "spot") -> Tape:
        """The trades of one day, none before the listing; LookupError for a day outside of the market's time."""
        return self._days.tape(symbol, venue, number_of(day))

    def klines(
        self,
        symbol: str,
        interval: str,
        start_us: int,
        end_us: int,
        *,
        venue: Venue = "spot",
        until_us: int = END_OF_TIME_US,
    ) -> KlineArrays:
        """Candles that open in [start, end). `interval` is Binance's: 1s 1m 3m ... 12h 1d 3d 1w 1M."""

        def candles_of(number: int, seconds: int) -> KlineArrays:
            if seconds == SECONDS["1d"] and until_us >= (number + 1) * DAY_US:
                return self._days.daily_candle(symbol, venue, number)
            return klines(self._days.tape(symbol, venue, number), seconds, until_us=until_us)

        open_days = self._days.trading_days(symbol, venue)
        return _candles(candles_of, interval, start_us, end_us, until_us=until_us, days=open_days)

    def price_klines(
        self,
        symbol: str,
        kind: PriceKind,
        interval: str,
        start_us: int,
        end_us: int,
        *,
        until_us: int = END_OF_TIME_US,
    ) -> KlineArrays:
        """Candles over the perpetual's per-second prices; count is the number of samples, volumes are zero."""
        calendar = self._days.calendar(symbol, "usdm")

        def candles_of(number: int, seconds: int) -> KlineArrays:
            start = number * DAY_US
            first = max(0, (calendar.listing_us - start) // SECOND_US)
            last_us = min(start + DAY_US, until_us)
            end = -(-(last_us - start) // SECOND_US)
            samples = self._days.second_prices(symbol, kind, number)
            return sampled_klines(samples, start_us=start, first=first, end=end, seconds=seconds)

        days = self._days.trading_days(symbol, "usdm")
        return _candles(candles_of, interval, start_us, end_us, until_us=until_us, days=days)

    def trades(self, symbol: str, start_us: int, end_us: int, *, venue: Venue = "spot") -> Trades:
        """Trades in [start, end)."""
        tapes = self._tapes(symbol, start_us, end_us, venue=venue)
        return chain(Trades, [between(tape.trades, start_us, end_us) for tape in tapes])

    def trades_by_id(self, symbol: str, first_id: int, count: int, *, venue: Venue = "spot") -> Trades:
        """The `count` trades from `first_id` on; fewer at the end of time, none beyond it."""
        if first_id >= self._days.ledger(symbol, venue).first_trade[-1]:
            return chain(Trades, [])
        place = self.locate_trade(symbol, first_id, venue=venue)
        return chain(Trades, self._run(place, count, lambda tape: tape.trades, symbol=symbol, venue=venue))

    def agg_trades(self, symbol: str, start_us: int, end_us: int, *, venue: Venue = "spot") -> AggTrades:
        """Aggregates in [start, end)."""
        tapes = self._tapes(symbol, start_us, end_us, venue=venue)
        return chain(AggTrades, [between(tape.aggregates, start_us, end_us) for tape in tapes])

    def agg_trades_by_id(self, symbol: str, first_id: int, count: int, *, venue: Venue = "spot") -> AggTrades:
        """The `count` aggregates from `first_id` on; fewer at the end of time, none beyond it."""
        if first_id >= self._days.ledger(symbol, venue).first_order[-1]:
            return chain(AggTrades, [])
        place = self.locate_agg(symbol, first_id, venue=venue)
        return chain(AggTrades, self._run(place, count, lambda tape: tape.aggregates, symbol=symbol, venue=venue))

    def locate_trade(self, symbol: str, trade_id: int, *, venue: Venue = "spot") -> tuple[date, int]:
        """Day and row in its tape of a trade; LookupError where no such trade will ever be."""
        return _locate(self._days.ledger(symbol, venue).first_trade, trade_id, f"{symbol} {venue} trade")

    def locate_agg(self, symbol: str, agg_id: int, *, venue: Venue = "spot") -> tuple[date, int]:
        """Day and row in its tape of an aggregate; LookupError where none will ever be."""
        return _locate(self._days.ledger(symbol, venue).first_order, agg_id, f"{symbol} {venue} aggregate")

    def book(self, symbol: str, times_us: Ints, *, levels: int = 20, venue: Venue = "spot") -> Book:
        """Order books at the starts of the 100 ms slots that `times_us` lie in; in a halt, the book before it."""
        times_us = np.asarray(times_us, dtype=np.int64)
        calendar = self._days.calendar(symbol, venue)
        calendar.require_listed(times_us, what=f"the {venue} book of {symbol}")
        times_us = calendar.before_halts(times_us)
        parts, rows = [], []
        for number, chosen in _by_day(times_us):
            today = self._days.venue_day(symbol, venue, number)
            tape = self._days.tape(symbol, venue, number)
            parts.append(make_book(today, tape, times_us[chosen], levels=levels))
            rows.append(chosen)
        return join_books(parts, rows, n=times_us.size) if len(parts) != 1 else parts[0]

    def life(self, symbol: str, *, venue: Venue = "spot") -> Span:
        """From the opening on the day of the listing to the delisting, or to the end of the market's time."""
        calendar = self._days.calendar(symbol, venue)
        return Span(from_us(calendar.listing_us), from_us(calendar.end_us))

    def closed(self, symbol: str, *, venue: Venue = "spot") -> Closed:
        """Spans without trading, sorted: before the listing first, then halts, then after the delisting."""
        return self._days.calendar(symbol, venue).closed_spans

    def open_times(self, symbol: str, start_us: int, end_us: int, *, pace_us: int, venue: Venue = "spot") -> Ints:
        """Multiples of `pace_us` in [start, end) at which the symbol is traded."""
        times_us = np.arange(-(-start_us // pace_us) * pace_us, end_us, pace_us, dtype=np.int64)
        for closed_us, opened_us in self.closed(symbol, venue=venue):
            times_us = times_us[(times_us < closed_us) | (times_us >= opened_us)]
        return times_us

    def depth(self, symbol: str, time_us: int, *, levels: int = 1000, venue: Venue = "spot") -> Book:
        """The order book of one moment, n = 1; fewer levels than asked for only near a price of zero."""
        return self.book(symbol, np.array([time_us]), levels=levels, venue=venue)

    def ticker_24h(self, symbol: str, time_us: int, *, venue: Venue = "spot") -> Ticker24h:
        """Statistics of the 24 hours that end at `time_us`."""
        (ticker,) = self.tickers_24h(symbol, np.array([time_us]), venue=venue)
        return ticker

    def tickers_24h(self, symbol: str, times_us: Ints, *, venue: Venue = "spot") -> list[Ticker24h]:
        """Statistics of the 24 hours up to each of the sorted moments, from one look at the trades."""
        if not times_us.size:
            return []
        start_us = int(times_us[0]) - DAY_US
        found = make_tickers(
            symbol,
            times_us,
            trades=self.trades(symbol, start_us, int(times_us[-1]) + 1, venue=venue),
            previous_close=self._days.price_before(symbol, venue, start_us),
            book=self.book(symbol, times_us, levels=1, venue=venue),
        )
        if found is not None:
            return found
        halves = np.array_split(times_us, 2)
        return [ticker for half in halves for ticker in self.tickers_24h(symbol, half, venue=venue)]

    def funding(self, symbol: str, start_us: int, end_us: int) -> Funding:
        """Payments whose time (with its jitter) lies in [start, end)."""
        calendar = self._days.calendar(symbol, "usdm")
        first = max(start_us, calendar.listing_us + 1)
        end = min(end_us, calendar.end_us)
        due = np.arange(first // FUNDING_PERIOD_US, -(-end // FUNDING_PERIOD_US), dtype=np.int64) * FUNDING_PERIOD_US
        due = due[due > calendar.listing_us]
        times = due + self._jitter(symbol, due)
        inside = (times >= start_us) & (times < end_us)
        due, times = due[inside], times[inside]
        rates = [
            self._days.funding_estimates(symbol, (t - 1) // DAY_US)[(t - 1) % DAY_US // (60 * SECOND_US)]
            for t in due.tolist()
        ]
        return Funding(times, np.array(rates, dtype=np.int64), self.mark_prices(symbol, due).mark_price)

    def mark_prices(self, symbol: str, times_us: Ints) -> MarkPrices:
        """Mark and index price at the second that each time lies in, and the running estimate of the funding rate."""
        times_us = np.asarray(times_us, dtype=np.int64)
        self._days.calendar(symbol, "usdm").require_listed(times_us, what=f"the perpetual of {symbol}")
        mark, index, premium, rate = (np.empty(times_us.size, dtype=np.int64) for _ in range(4))
        for number, rows in _by_day(times_us):
            second = (times_us[rows] - number * DAY_US) // SECOND_US
            mark[rows] = self._days.second_prices(symbol, "mark", number)[second]
            index[rows] = self._days.second_prices(symbol, "index", number)[second]
            premium[rows] = self._days.second_prices(symbol, "premium", number)[second]
            rate[rows] = self._days.funding_estimates(symbol, number)[second // 60]
        following = (times_us // FUNDING_PERIOD_US + 1) * FUNDING_PERIOD_US
        return MarkPrices(mark, index, premium, rate, following)

    def open_interest(self, symbol: str, times_us: Ints) -> OpenInterest:
        """Figures of the last five-minute period that had ended at each time; the last one ends with the delisting."""
        times_us = np.asarray(times_us, dtype=np.int64)
        calendar = self._days.calendar(symbol, "usdm")
        calendar.require_listed(times_us - (times_us == calendar.end_us), what=f"the open interest of {symbol}")
        ends = times_us // OPEN_INTEREST_STEP_US * OPEN_INTEREST_STEP_US
        columns = {column.name: np.empty(ends.size, dtype=np.int64) for column in fields(OpenInterest)}
        for number, rows in _by_day(ends - 1):
            figures = self._days.open_interest(symbol, number)
            period = (ends[rows] - number * DAY_US) // OPEN_INTEREST_STEP_US - 1
            for name, column in columns.items():
                column[rows] = getattr(figures, name)[period]
        return OpenInterest(**columns)

    def liquidations(self, symbol: str, day: date) -> Liquidations:
        """Liquidation orders of one day."""
        return self._days.liquidations(symbol, number_of(day))

    def _tapes(self, symbol: str, start_us: int, end_us: int, *, venue: Venue) -> Iterator[Tape]:
        open_days = self._days.trading_days(symbol, venue)
        for number in range(max(start_us // DAY_US, open_days.start), min(-(-end_us // DAY_US), open_days.stop)):
            yield self._days.tape(symbol, venue, number)

    def _run[T: (Trades, AggTrades)](
        self, place: tuple[date, int], count: int, part: Callable[[Tape], T], *, symbol: str, venue: Venue
    ) -> list[T]:
        """`count` rows from a day and its row on, over as many days as they take."""
        day, row = place
        parts: list[T] = []
        for number in range(number_of(day), self._days.trading_days(symbol, venue).stop):
            parts.append(rows_of(part(self._days.tape(symbol, venue, number)), slice(row, row + count)))
            row, count = 0, count - parts[-1].time_us.size
            if count <= 0:
                break
        return parts

    def _jitter(self, symbol: str, due: Ints) -> Ints:
        late = [
            funding_jitter_us(self._days.seed, symbol, t // DAY_US)[t % DAY_US // FUNDING_PERIOD_US]
            for t in due.tolist()
        ]
        return np.array(late, dtype=np.int64)


def _candles(
    candles_of: Callable[[int, int], KlineArrays],
    interval: str,
    start_us: int,
    end_us: int,
    *,
    until_us: int,
    days: range,
) -> KlineArrays:
    """Candles of any interval from those of single days."""
    end_us = min(end_us, until_us)
    if interval in SECONDS:
        wanted = range(max(start_us // DAY_US, days.start), min(-(-end_us // DAY_US), days.stop))
        whole = chain(KlineArrays, [candles_of(number, SECONDS[interval]) for number in wanted])
        return rows_of(whole, rows_between(whole.open_time_us, start_us, end_us))
    if interval not in LONG_INTERVALS:
        raise ValueError(f"{interval!r} is none of the intervals {', '.join((*SECONDS, *LONG_INTERVALS))}")
    # a candle may open up to a month before the first day of trading
    spans = _long_spans(interval, max(start_us, (days.start - 31) * DAY_US), min(end_us, days.stop * DAY_US))
    if not spans:
        return chain(KlineArrays, [])
    wanted = range(
        max(spans[0][0] // DAY_US, days.start), min(spans[-1][1] // DAY_US, days.stop, -(-until_us // DAY_US))
    )
    daily = chain(KlineArrays, [candles_of(number, SECONDS["1d"]) for number in wanted])
    held = [(a, b) for a, b in spans if (rows := rows_between(daily.open_time_us, a, b)).stop > rows.start]
    if not held:
        return chain(KlineArrays, [])
    bounds = np.array(held, dtype=np.int64)
    return merge(daily, opens=bounds[:, 0], ends=bounds[:, 1])


def _long_spans(interval: str, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """Spans of the long candles that open in [start, end)."""
    spans: list[tuple[int, int]] = []
    first, following = long_span(day_of(start_us // DAY_US), interval)
    while number_of(first) * DAY_US < end_us:
        if number_of(first) * DAY_US >= start_us:
            spans.append((number_of(first) * DAY_US, number_of(following) * DAY_US))
        first, following = long_span(following, interval)
    return spans


def _by_day(times_us: Ints) -> Iterator[tuple[int, Ints]]:
    """Each day that holds a time, with the rows of its times."""
    numbers = times_us // DAY_US
    for number in np.unique(numbers).tolist():
        yield number, np.flatnonzero(numbers == number)


def _locate(first_ids: Ints, wanted: int, what: str) -> tuple[date, int]:
    if not 0 <= wanted < first_ids[-1]:
        raise LookupError(f"there is no {what} {wanted}; ids run from 0 to {int(first_ids[-1]) - 1}")
    index = int(np.searchsorted(first_ids, wanted, side="right")) - 1
    return day_of(FIRST_DAY + index), wanted - int(first_ids[index])
