"""Books and tickers in the words of REST; streams say the same in shorter ones."""

from __future__ import annotations

from crypto_assets.simulator.decimal_text import Digits
from crypto_assets.simulator.market import Book, Ticker24h

type Answer = dict[str, str | int]


def book_sides(book: Book, digits: Digits) -> tuple[list[list[str]], list[list[str]]]:
    """Bids and asks of the first moment of a book, as pairs of texts."""

    def pairs(prices: list[int], quantities: list[int]) -> list[list[str]]:
        return [[digits.price_text(p), digits.lot_text(q)] for p, q in zip(prices, quantities, strict=True)]

    bids = pairs(book.bid_price[0].tolist(), book.bid_quantity[0].tolist())
    return bids, pairs(book.ask_price[0].tolist(), book.ask_quantity[0].tolist())


def spot_ticker(ticker: Ticker24h, digits: Digits, *, unit_us: int) -> Answer:
    """All that spot says of 24 hours."""
    previous = {"prevClosePrice": digits.price_text(ticker.previous_close_price)}
    last, best = _last_trade(ticker, digits), best_prices(ticker, digits)
    return {**_change(ticker, digits), **previous, **last, **best, **_extent(ticker, digits, unit_us=unit_us)}


def futures_ticker(ticker: Ticker24h, digits: Digits, *, unit_us: int) -> Answer:
    """All that USD-M says: neither the best prices nor the price before the 24 hours."""
    return {**_change(ticker, digits), **_last_trade(ticker, digits), **_extent(ticker, digits, unit_us=unit_us)}


def mini_ticker(ticker: Ticker24h, digits: Digits, *, unit_us: int) -> Answer:
    """The short form."""
    last = digits.price_text(ticker.last_price)
    return {"symbol": ticker.symbol, "lastPrice": last, **_extent(ticker, digits, unit_us=unit_us)}


def best_prices(ticker: Ticker24h, digits: Digits) -> Answer:
    """The best bid and ask."""
    return {
        "bidPrice": digits.price_text(ticker.bid_price),
        "bidQty": digits.lot_text(ticker.bid_quantity),
        "askPrice": digits.price_text(ticker.ask_price),
        "askQty": digits.lot_text(ticker.ask_quantity),
    }


def _change(ticker: Ticker24h, digits: Digits) -> Answer:
    return {
        "symbol": ticker.symbol,
        "priceChange": digits.price_text(ticker.price_change),
        "priceChangePercent": f"{ticker.price_change_percent / 1000:.3f}",
        "weightedAvgPrice": digits.price_text(ticker.weighted_average_price),
    }


def _last_trade(ticker: Ticker24h, digits: Digits) -> Answer:
    return {"lastPrice": digits.price_text(ticker.last_price), "lastQty": digits.lot_text(ticker.last_quantity)}


def _extent(ticker: Ticker24h, digits: Digits, *, unit_us: int) -> Answer:
    return {
        "openPrice": digits.price_text(ticker.open_price),
        "highPrice": digits.price_text(ticker.high_price),
        "lowPrice": digits.price_text(ticker.low_price),
        "volume": digits.lot_text(ticker.volume),
        "quoteVolume": digits.quote_text(ticker.quote_volume),
        "openTime": ticker.open_time_us // unit_us,
        "closeTime": ticker.close_time_us // unit_us,
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.count,
    }
