"""Rolling statistics of 24 hours, in full and in short."""

from __future__ import annotations

import numpy as np
import polars as pl

from crypto_assets.simulator.clock import DAY_US
from crypto_assets.simulator.decimal_text import decimal_text
from crypto_assets.simulator.market import Market, Ticker24h, Venue
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.market.spec import UNIT
from crypto_assets.simulator.market.ticker import divide_half_even
from crypto_assets.simulator.simulated_data import SimulatedData


def ticker_payloads(
    data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, mini: bool, unit_us: int = 1000
) -> pl.DataFrame:
    """The statistics at these moments; the digits are those that REST gives at the same moment."""
    decimals = data.decimals(symbol, venue)
    tickers: list[Ticker24h] = []
    if times_us.size:
        with data.market() as market:
            tickers = _tickers(market, symbol, times_us, venue=venue)
    describe = _mini if mini else _full
    rows = [describe(ticker, venue=venue, unit_us=unit_us, **decimals) for ticker in tickers]
    return pl.DataFrame(
        {"time_us": times_us, "trade_id": [-1] * len(rows), "message": rows},
        schema={"time_us": pl.Int64, "trade_id": pl.Int64, "message": pl.String},
    )


def _tickers(market: Market, symbol: str, times_us: Ints, *, venue: Venue) -> list[Ticker24h]:
    """`Market.ticker_24h` at each of the moments, which follow each other closely, from one look at the trades."""
    trades = market.trades(symbol, int(times_us[0]) - DAY_US, int(times_us[-1]) + 1, venue=venue)
    first = np.searchsorted(trades.time_us, times_us - DAY_US)
    end = np.searchsorted(trades.time_us, times_us, side="right")
    if first[-1] >= end[0]:  # the windows have no trade in common
        return [market.ticker_24h(symbol, time_us, venue=venue) for time_us in times_us.tolist()]
    before = market.ticker_24h(symbol, int(times_us[0]), venue=venue).previous_close_price
    book = market.book(symbol, times_us, levels=1, venue=venue)
    high, low = (_rolling(trades.price, first, end, best=best) for best in (np.maximum, np.minimum))
    volume, quote_volume = (_sums(values, first, end) for values in (trades.quantity, trades.quote_quantity))
    closes = np.append(before, trades.price)[first]
    tickers: list[Ticker24h] = []
    for row, (begin, stop) in enumerate(zip(first.tolist(), end.tolist(), strict=True)):
        opening, last = int(trades.price[begin]), int(trades.price[stop - 1])
        tickers.append(
            Ticker24h(
                symbol=symbol,
                open_time_us=int(times_us[row]) - DAY_US,
                close_time_us=int(times_us[row]),
                price_change=last - opening,
                price_change_percent=divide_half_even((last - opening) * 100_000, opening),
                weighted_average_price=divide_half_even(int(quote_volume[row]) * UNIT, int(volume[row])),
                previous_close_price=int(closes[row]),
                last_price=last,
                last_quantity=int(trades.quantity[stop - 1]),
                bid_price=int(book.bid_price[row, 0]),
                bid_quantity=int(book.bid_quantity[row, 0]),
                ask_price=int(book.ask_price[row, 0]),
                ask_quantity=int(book.ask_quantity[row, 0]),
                open_price=opening,
                high_price=int(high[row]),
                low_price=int(low[row]),
                volume=int(volume[row]),
                quote_volume=int(quote_volume[row]),
                first_trade_id=int(trades.trade_id[begin]),
                last_trade_id=int(trades.trade_id[stop - 1]),
                count=stop - begin,
            )
        )
    return tickers


def _rolling(price: Ints, first: Ints, end: Ints, *, best: np.ufunc) -> Ints:
    """The best price of each window, from that of their common part and running ones of what lies on either side."""
    begin, stop = int(first[-1]), int(end[0])
    core = best.reduce(price[begin:stop])
    left = np.append(best.accumulate(price[int(first[0]) : begin][::-1])[::-1], core)
    right = np.append(core, best.accumulate(price[stop : int(end[-1])]))
    return best(best(left[first - first[0]], right[end - stop]), core)


def _sums(values: Ints, first: Ints, end: Ints) -> Ints:
    running = np.append(0, np.cumsum(values))
    return running[end] - running[first]


def _mini(ticker: Ticker24h, *, venue: Venue, unit_us: int, price_decimals: int, lot_decimals: int) -> str:
    def price(value: int) -> str:
        return decimal_text(value, decimals=price_decimals)

    quote = decimal_text(ticker.quote_volume, decimals=min(8, price_decimals + lot_decimals))
    return (
        f'{{"e":"24hrMiniTicker","E":{ticker.close_time_us // unit_us},"s":"{ticker.symbol}"'
        f',"c":"{price(ticker.last_price)}","o":"{price(ticker.open_price)}","h":"{price(ticker.high_price)}"'
        f',"l":"{price(ticker.low_price)}","v":"{decimal_text(ticker.volume, decimals=lot_decimals)}","q":"{quote}"'
        f"{_futures_fields(ticker, venue)}}}"
    )


def _full(ticker: Ticker24h, *, venue: Venue, unit_us: int, price_decimals: int, lot_decimals: int) -> str:
    def price(value: int) -> str:
        return decimal_text(value, decimals=price_decimals)

    def lot(value: int) -> str:
        return decimal_text(value, decimals=lot_decimals)

    previous = book = ""
    if venue == "spot":
        previous = f',"x":"{price(ticker.previous_close_price)}"'
        book = (
            f',"b":"{price(ticker.bid_price)}","B":"{lot(ticker.bid_quantity)}"'
            f',"a":"{price(ticker.ask_price)}","A":"{lot(ticker.ask_quantity)}"'
        )
    quote = decimal_text(ticker.quote_volume, decimals=min(8, price_decimals + lot_decimals))
    return (
        f'{{"e":"24hrTicker","E":{ticker.close_time_us // unit_us},"s":"{ticker.symbol}"'
        f',"p":"{price(ticker.price_change)}","P":"{ticker.price_change_percent / 1000:.3f}"'
        f',"w":"{price(ticker.weighted_average_price)}"{previous},"c":"{price(ticker.last_price)}"'
        f',"Q":"{lot(ticker.last_quantity)}"{book},"o":"{price(ticker.open_price)}","h":"{price(ticker.high_price)}"'
        f',"l":"{price(ticker.low_price)}","v":"{lot(ticker.volume)}","q":"{quote}"'
        f',"O":{ticker.open_time_us // unit_us},"C":{ticker.close_time_us // unit_us}'
        f',"F":{ticker.first_trade_id},"L":{ticker.last_trade_id},"n":{ticker.count}{_futures_fields(ticker, venue)}}}'
    )


def _futures_fields(ticker: Ticker24h, venue: Venue) -> str:
    return "" if venue == "spot" else f',"ps":"{ticker.symbol}","st":1'
