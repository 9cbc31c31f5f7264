"""Rolling statistics of 24 hours."""

from __future__ import annotations

import numpy as np

from crypto_assets.simulator.market.calendar import DAY_US
from crypto_assets.simulator.market.results import Book, Ticker24h, Trades
from crypto_assets.simulator.market.spec import UNIT


def make_ticker(symbol: str, time_us: int, *, trades: Trades, previous_close: int, book: Book) -> Ticker24h:
    """The ticker of the trades in [time - 24 h, time]; `previous_close` is the price before the first of them."""
    traded = trades.price.size > 0
    last = int(trades.price[-1]) if traded else previous_close
    opening = int(trades.price[0]) if traded else previous_close
    volume, quote_volume = int(trades.quantity.sum()), int(trades.quote_quantity.sum())
    return Ticker24h(
        symbol=symbol,
        open_time_us=time_us - DAY_US,
        close_time_us=time_us,
        price_change=last - opening,
        price_change_percent=divide_half_even((last - opening) * 100_000, opening),
        weighted_average_price=divide_half_even(quote_volume * UNIT, volume) if volume else 0,
        previous_close_price=previous_close,
        last_price=last,
        last_quantity=int(trades.quantity[-1]) if traded else 0,
        bid_price=int(book.bid_price[0, 0]),
        bid_quantity=int(book.bid_quantity[0, 0]),
        ask_price=int(book.ask_price[0, 0]),
        ask_quantity=int(book.ask_quantity[0, 0]),
        open_price=opening,
        high_price=int(np.max(trades.price, initial=opening)),
        low_price=int(np.min(trades.price, initial=opening)),
        volume=volume,
        quote_volume=quote_volume,
        first_trade_id=int(trades.trade_id[0]) if traded else -1,
        last_trade_id=int(trades.trade_id[-1]) if traded else -1,
        count=trades.price.size,
    )


def divide_half_even(dividend: int, divisor: int) -> int:
    """The nearest integer to an exact quotient, the even one of two; divisor > 0."""
    quotient, rest = divmod(dividend, divisor)
    if 2 * rest > divisor or (2 * rest == divisor and quotient % 2):
        quotient += 1
    return quotient
