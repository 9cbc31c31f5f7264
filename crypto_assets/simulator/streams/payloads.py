"""Messages of trades, liquidations and prices of the perpetual: the digits of REST and archive in the streams' form.

Every function returns a frame of `time_us`, when the exchange sends it, `trade_id`, -1 for what is no spot trade, and
`message`, the JSON without the name of the stream. Times inside are counted in units of `unit_us`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from crypto_assets.simulator.frames import amounts
from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.market.calendar import day_of
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.spans import DAY_US

type Part = pl.Expr | str


def trade_payloads(
    data: SimulatedData, symbol: str, start_us: int, end_us: int, *, unit_us: int = 1000
) -> pl.DataFrame:
    """Spot trades of the span."""
    time = pl.col("time_us") // unit_us
    trades = data.trades(symbol, start_us, end_us, venue="spot", kind="trades").with_columns(trade_id=pl.col("id"))
    return messages(
        trades,
        [
            '{"e":"trade","E":', time, f',"s":"{symbol}","t":', pl.col("id"), ',"p":"', pl.col("price"),
            '","q":"', pl.col("quantity"), '","T":', time, ',"m":', pl.col("is_buyer_maker"), ',"M":true}',
        ],
    )  # fmt: skip


def agg_trade_payloads(
    data: SimulatedData, symbol: str, start_us: int, end_us: int, *, venue: Venue, unit_us: int = 1000
) -> pl.DataFrame:
    """Aggregated trades of the span; those of USD-M say how much of the quantity is no retail order, which is all."""
    time = pl.col("time_us") // unit_us
    of_venue: list[Part] = ['","nq":"', pl.col("quantity")] if venue == "usdm" else []
    return messages(
        data.trades(symbol, start_us, end_us, venue=venue, kind="aggTrades"),
        [
            '{"e":"aggTrade","E":', time, f',"s":"{symbol}","a":', pl.col("id"), ',"p":"', pl.col("price"),
            '","q":"', pl.col("quantity"), *of_venue, '","f":', pl.col("first_id"), ',"l":', pl.col("last_id"),
            ',"T":', time, ',"m":', pl.col("is_buyer_maker"), ',"st":1}' if venue == "usdm" else ',"M":true}',
        ],
    )  # fmt: skip


def mark_price_payloads(data: SimulatedData, symbol: str, times_us: Ints) -> pl.DataFrame:
    """Mark and index price and the running estimate of the funding rate at these moments."""
    with data.market() as market:
        prices = market.mark_prices(symbol, times_us)
    frame = pl.DataFrame(
        {
            "time_us": times_us,
            "mark": amounts(prices.mark_price),
            "index": amounts(prices.index_price),
            "rate": amounts(prices.estimated_rate),
            "next": prices.next_funding_time_us // 1000,
        }
    )
    return messages(
        frame,
        [
            '{"e":"markPriceUpdate","E":', pl.col("time_us") // 1000, f',"s":"{symbol}","p":"', pl.col("mark"),
            '","i":"', pl.col("index"), '","P":"', pl.col("index"), '","r":"', pl.col("rate"),
            '","ap":"', pl.col("mark"), '","T":', pl.col("next"), ',"st":1}',
        ],
    )  # fmt: skip


def force_order_payloads(data: SimulatedData, symbol: str, start_us: int, end_us: int) -> pl.DataFrame:
    """Liquidation orders of the span, at most one a second."""
    days = range(start_us // DAY_US, -(-end_us // DAY_US))
    parts = [_liquidations_of_day(data, symbol, number) for number in days]
    time, quantity = pl.col("time_us") // 1000, pl.col("quantity")
    return messages(
        pl.concat(parts).filter(pl.col("time_us").is_between(start_us, end_us, closed="left")),
        [
            '{"e":"forceOrder","E":', time, f',"o":{{"s":"{symbol}","S":"', pl.col("side"),
            '","o":"LIMIT","f":"IOC","q":"', quantity, '","p":"', pl.col("price"), '","ap":"', pl.col("average"),
            '","X":"FILLED","l":"', quantity, '","z":"', quantity, '","T":', time, "}}",
        ],
    )  # fmt: skip


def _liquidations_of_day(data: SimulatedData, symbol: str, number: int) -> pl.DataFrame:
    digits = data.digits(symbol, "usdm")
    with data.market() as market:
        found = market.liquidations(symbol, day_of(number))
    return pl.DataFrame(
        {
            "time_us": found.time_us,
            "side": np.where(found.is_sell, "SELL", "BUY"),
            "price": amounts(found.price, decimals=digits.price),
            "average": amounts(found.average_price, decimals=digits.price),
            "quantity": amounts(found.quantity, decimals=digits.lot),
        },
        schema_overrides={"side": pl.String},
    )


def messages(frame: pl.DataFrame, parts: Sequence[Part]) -> pl.DataFrame:
    """The rows' messages: texts and columns put together in this order."""
    pieces = [pl.lit(part) if isinstance(part, str) else part.cast(pl.String) for part in parts]
    trade_id = pl.col("trade_id") if "trade_id" in frame.columns else pl.lit(-1, dtype=pl.Int64)
    return frame.select("time_us", trade_id=trade_id, message=pl.concat_str(pieces))
