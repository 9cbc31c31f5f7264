"""Rows on their way to the wire: data frames with times in microseconds and amounts that print as the exchange does."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.simulator.decimal_text import DECIMALS, Digits
from crypto_assets.simulator.market import AggTrades, Funding, KlineArrays, OpenInterest, Trades
from crypto_assets.simulator.market.results import Ints

KLINE_AMOUNTS = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
_PRECISION = 38


def amounts(values: Ints, *, decimals: int = DECIMALS) -> pl.Series:
    """Integers in 1e-8 as decimals that print with `decimals` digits after the point, 8 or more with zeros.

    Raises ValueError where digits other than zero would be lost.
    """
    exact = np.ascontiguousarray(values)
    if decimals < DECIMALS:
        exact, rest = np.divmod(exact, 10 ** (DECIMALS - decimals))
        if rest.any():
            raise ValueError(f"amounts have more than {decimals} decimals")
    words = np.empty((exact.size, 2), dtype=np.int64)
    words[:, 0] = exact
    words[:, 1] = exact >> 63
    scale = min(decimals, DECIMALS)
    buffers = [None, pa.py_buffer(words)]
    column = pa.Array.from_buffers(pa.decimal128(_PRECISION, scale), exact.size, buffers)
    series = pl.Series(column)
    return series.cast(pl.Decimal(_PRECISION, decimals)) if decimals > scale else series


def kline_frame(candles: KlineArrays, digits: Digits) -> pl.DataFrame:
    """Candles."""
    return pl.DataFrame(
        {
            "time_us": candles.open_time_us,
            **{name: amounts(getattr(candles, name), decimals=digits.price) for name in KLINE_AMOUNTS[:4]},
            "volume": amounts(candles.volume, decimals=digits.lot),
            "close_time_us": candles.close_time_us,
            "quote_volume": amounts(candles.quote_volume, decimals=digits.quote),
            "count": candles.count,
            "taker_buy_volume": amounts(candles.taker_buy_volume, decimals=digits.lot),
            "taker_buy_quote_volume": amounts(candles.taker_buy_quote_volume, decimals=digits.quote),
        }
    )


def price_kline_frame(candles: KlineArrays) -> pl.DataFrame:
    """Candles of mark, index or premium: 8 decimals, amounts a bare 0."""
    frame = kline_frame(candles, Digits())
    return frame.with_columns(pl.lit("0").alias(name) for name in KLINE_AMOUNTS[4:])


def trade_frame(trades: Trades, digits: Digits) -> pl.DataFrame:
    """Trades."""
    return pl.DataFrame(
        {
            "id": trades.trade_id,
            "price": amounts(trades.price, decimals=digits.price),
            "quantity": amounts(trades.quantity, decimals=digits.lot),
            "quote_quantity": amounts(trades.quote_quantity, decimals=digits.quote),
            "time_us": trades.time_us,
            "is_buyer_maker": trades.is_buyer_maker,
        }
    )


def agg_trade_frame(trades: AggTrades, digits: Digits) -> pl.DataFrame:
    """Aggregated trades."""
    return pl.DataFrame(
        {
            "id": trades.agg_id,
            "price": amounts(trades.price, decimals=digits.price),
            "quantity": amounts(trades.quantity, decimals=digits.lot),
            "first_id": trades.first_trade_id,
            "last_id": trades.last_trade_id,
            "time_us": trades.time_us,
            "is_buyer_maker": trades.is_buyer_maker,
        }
    )


def funding_frame(funding: Funding) -> pl.DataFrame:
    """Funding payments."""
    return pl.DataFrame(
        {"time_us": funding.funding_time_us, "rate": amounts(funding.rate), "mark_price": amounts(funding.mark_price)}
    )


def open_interest_frame(figures: OpenInterest) -> pl.DataFrame:
    """Open interest and trader ratios by the end of their period."""
    names = [column.name for column in fields(OpenInterest) if column.name != "time_us"]
    return pl.DataFrame({"time_us": figures.time_us, **{name: amounts(getattr(figures, name)) for name in names}})
