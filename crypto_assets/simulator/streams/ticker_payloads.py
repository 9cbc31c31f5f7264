"""Rolling statistics of 24 hours, in full and in short."""

from __future__ import annotations

import polars as pl

from crypto_assets.simulator.decimal_text import decimal_text
from crypto_assets.simulator.market import Ticker24h, Venue
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData


def ticker_payloads(
    data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, mini: bool, unit_us: int = 1000
) -> pl.DataFrame:
    """The statistics at these moments; the digits are those that REST gives at the same moment."""
    decimals = data.decimals(symbol, venue)
    rows: list[str] = []
    for time_us in times_us.tolist():
        with data.market() as market:
            ticker = market.ticker_24h(symbol, time_us, venue=venue)
        describe = _mini if mini else _full
        rows.append(describe(ticker, venue=venue, unit_us=unit_us, **decimals))
    return pl.DataFrame(
        {"time_us": times_us, "trade_id": [-1] * len(rows), "message": rows},
        schema={"time_us": pl.Int64, "trade_id": pl.Int64, "message": pl.String},
    )


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
