"""Rolling statistics of 24 hours."""

from __future__ import annotations

import numpy as np

from crypto_assets.simulator.market.results import Book, Ints, Ticker24h, Trades
from crypto_assets.simulator.market.spec import UNIT
from crypto_assets.spans import DAY_US


def make_tickers(
    symbol: str, times_us: Ints, *, trades: Trades, previous_close: int, book: Book
) -> list[Ticker24h] | None:
    """The ticker of the trades in [time - 24 h, time] for each of the sorted times; None where several share no trade.

    `trades` are those from 24 h before the first time to the last one, `previous_close` is the price before them.
    """
    first = np.searchsorted(trades.time_us, times_us - DAY_US)
    end = np.searchsorted(trades.time_us, times_us, side="right")
    if times_us.size > 1 and first[-1] >= end[0]:
        return None
    closes = np.append(previous_close, trades.price)
    before, last = closes[first], np.where(end > first, closes[end], closes[first])
    opening = np.where(end > first, np.append(trades.price, 0)[first], before)
    high, low = (_rolling(trades.price, first, end, best=best, otherwise=before) for best in (np.maximum, np.minimum))
    volume, quote_volume = (_sums(values, first, end) for values in (trades.quantity, trades.quote_quantity))
    first_id = int(trades.trade_id[0]) if trades.trade_id.size else 0
    return [
        Ticker24h(
            symbol=symbol,
            open_time_us=time_us - DAY_US,
            close_time_us=time_us,
            price_change=int(last[row] - opening[row]),
            price_change_percent=divide_half_even(int(last[row] - opening[row]) * 100_000, int(opening[row])),
            weighted_average_price=_average_price(int(quote_volume[row]), int(volume[row])),
            previous_close_price=int(before[row]),
            last_price=int(last[row]),
            last_quantity=int(trades.quantity[stop - 1]) if stop > begin else 0,
            bid_price=int(book.bid_price[row, 0]),
            bid_quantity=int(book.bid_quantity[row, 0]),
            ask_price=int(book.ask_price[row, 0]),
            ask_quantity=int(book.ask_quantity[row, 0]),
            open_price=int(opening[row]),
            high_price=int(high[row]),
            low_price=int(low[row]),
            volume=int(volume[row]),
            quote_volume=int(quote_volume[row]),
            first_trade_id=first_id + begin if stop > begin else -1,
            last_trade_id=first_id + stop - 1 if stop > begin else -1,
            count=stop - begin,
        )
        for row, (time_us, begin, stop) in enumerate(zip(times_us.tolist(), first.tolist(), end.tolist(), strict=True))
    ]


def _average_price(quote_volume: int, volume: int) -> int:
    return divide_half_even(quote_volume * UNIT, volume) if volume else 0


def divide_half_even(dividend: int, divisor: int) -> int:
    """The nearest integer to an exact quotient, the even one of two; divisor > 0."""
    quotient, rest = divmod(dividend, divisor)
    if 2 * rest > divisor or (2 * rest == divisor and quotient % 2):
        quotient += 1
    return quotient


def _rolling(price: Ints, first: Ints, end: Ints, *, best: np.ufunc, otherwise: Ints) -> Ints:
    """The best price of each window, from that of their common part and running ones of what lies on either side."""
    begin, stop = int(first[-1]), int(end[0])
    if begin >= stop:
        return otherwise
    core = best.reduce(price[begin:stop])
    left = np.append(best.accumulate(price[int(first[0]) : begin][::-1])[::-1], core)
    right = np.append(core, best.accumulate(price[stop : int(end[-1])]))
    return best(best(left[first - first[0]], right[end - stop]), core)


def _sums(values: Ints, first: Ints, end: Ints) -> Ints:
    running = np.append(0, np.cumsum(values))
    return running[end] - running[first]
