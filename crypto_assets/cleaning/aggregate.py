"""Longer candles from shorter ones, candles from trades, and whether both agree with what the exchange sent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning import rules
from crypto_assets.cleaning.disagreements import DISAGREEMENTS, OTHER, list_differences, list_one_sided
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.flags import has_flag, is_usable, raised
from crypto_assets.schemas import BRONZE_TRADES, FLAGS, KLINE_FIELDS, SILVER_KLINES, TIMEFRAMES
from crypto_assets.spans import MICROSECOND, Span

SUMS = ("volume", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume")
COMPARED = (*rules.PRICES, *SUMS)
"""Fields in which a candle equals what its minutes aggregate to; a close time is a label, not an aggregate."""

DERIVED = "derived"
"""The `source` of rows that were calculated here."""
AGGREGATED = "aggregated"
"""Names the other side of a comparison with candles that were calculated here."""


def aggregate_klines(klines_1m: pa.Table, *, timeframe: str) -> pa.Table:
    """Candles of `timeframe` from silver one-minute candles: SILVER_KLINES payload, flag and source `derived`.

    open is the first, close the last, high and low the extremes over the minutes that traded, volumes and count are
    sums. A candle in which no minute traded repeats the former close, as its minutes do, flag `no_trades`. Only usable
    minutes count (not filled, out of range, contradictory or off the grid); a candle without any is absent.
    `truncated`: its last minute is absent or truncated.
    """
    return table_of(_aggregated(_silver(klines_1m, "1m"), timeframe=timeframe), SILVER_KLINES[timeframe].payload)


def merge_candles(candles: pl.DataFrame, step: timedelta, **further: pl.Expr) -> pl.DataFrame:
    """Candles of `step` that usable shorter ones with `flags` add up to, by open time: KLINE_FIELDS and `further`.

    Open and close are those of the first and the last candle with a trade, high and low the extremes of these; where
    none has one, the former close is repeated, as the exchange does.
    """
    traded = ~rules.no_trades()
    counted = traded | ~traded.any()
    return (
        candles.filter(is_usable())
        .sort("open_time")
        .group_by(pl.col("open_time").dt.truncate(step).alias("_slot"), maintain_order=True)
        .agg(
            pl.col("open").filter(counted).first(),
            pl.col("high").filter(counted).max(),
            pl.col("low").filter(counted).min(),
            pl.col("close").filter(counted).last(),
            pl.col(SUMS).sum(),
            pl.col("close_time").last(),
            **further,
        )
        .rename({"_slot": "open_time"})
    )


def compare_with_aggregates(klines: pa.Table, klines_1m: pa.Table, *, timeframe: str) -> pa.Table:
    """DISAGREEMENTS between silver candles that the exchange sent and what the one-minute candles aggregate to.

    Derived candles are left out: they would agree with themselves. Where only one side has the candle, the field is
    `open_time` and the absent side's value is null.
    """
    silver = _silver(klines, timeframe)
    sent = silver.filter(is_usable() & ~has_flag("derived"))
    derived = silver.filter(has_flag("derived"))
    aggregated = (
        _aggregated(_silver(klines_1m, "1m"), timeframe=timeframe)
        .join(derived, on="open_time", how="anti")
        .with_columns(source=pl.lit(AGGREGATED))
    )
    pairs = sent.join(aggregated, on="open_time", suffix=OTHER)
    differences = pl.concat(
        [
            list_differences(pairs, fields=COMPARED),
            list_one_sided(sent, aggregated, kept_source=timeframe, other_source=AGGREGATED),
            list_one_sided(aggregated, sent, kept_source=AGGREGATED, other_source=timeframe),
        ]
    )
    return table_of(differences.sort(differences.columns), DISAGREEMENTS)


def klines_from_trades(
    trades: pa.Table, *, timeframe: str, previous_close: Decimal | None = None, span: Span | None = None
) -> pa.Table:
    """Candles of trades in any order, the payload of BRONZE_KLINES. Of copies of a trade id that differ the earliest
    counts, then the cheapest.

    Candles of `span`, by default those from the first to the last trade. One without trades repeats the former close,
    at the start of the span `previous_close`; where that is not given it is absent.
    """
    step = TIMEFRAMES[timeframe]
    copies = frame_of(trades, BRONZE_TRADES.payload, name="trades")
    ordered = copies.sort("trade_id", pl.exclude("trade_id"))
    rows = ordered.unique("trade_id", keep="first", maintain_order=True)
    bought = ~pl.col("is_buyer_maker")
    candles = (
        rows.group_by(pl.col("time").dt.truncate(step).alias("open_time"))
        .agg(
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
            volume=pl.col("quantity").sum(),
            quote_volume=pl.col("quote_quantity").sum(),
            count=pl.len().cast(pl.Int64),
            taker_buy_volume=pl.col("quantity").filter(bought).sum(),
            taker_buy_quote_volume=pl.col("quote_quantity").filter(bought).sum(),
        )
        .sort("open_time")
    )
    whole = _with_candles_without_trades(candles, step=step, previous_close=previous_close, span=span)
    return table_of(whole.with_columns(close_time=_last_moment(step)), pa.schema(KLINE_FIELDS))


def _with_candles_without_trades(
    candles: pl.DataFrame, *, step: timedelta, previous_close: Decimal | None, span: Span | None
) -> pl.DataFrame:
    if span is None and candles.is_empty():
        return candles
    first, last = (
        (span.start, span.end - step)
        if span is not None
        else (candles["open_time"].item(0), candles["open_time"].item(-1))
    )
    slots = pl.datetime_range(first, last, step, time_unit="us", time_zone="UTC", eager=True).alias("open_time")
    former_close = pl.col("close").forward_fill().fill_null(pl.lit(previous_close, candles.schema["close"]))
    return (
        slots.to_frame()
        .join(candles, on="open_time", how="left", maintain_order="left")
        .with_columns(pl.col("open", "high", "low").fill_null(former_close), former_close, pl.col(SUMS).fill_null(0))
        .drop_nulls("close")
    )


def _aggregated(klines_1m: pl.DataFrame, *, timeframe: str) -> pl.DataFrame:
    """Usable silver minutes as candles of `timeframe`, with the columns of silver, by open time."""
    step, minute = TIMEFRAMES[timeframe], TIMEFRAMES["1m"]
    is_whole = pl.col("_last_minute") == pl.col("open_time") + (step - minute)
    last = {"_last_minute": pl.col("open_time").last(), "_last_is_truncated": has_flag("truncated").last()}
    return (
        merge_candles(klines_1m, step, **last)
        .with_columns(
            close_time=pl.when(is_whole).then("close_time").otherwise(_last_moment(step)),
            flags=pl.lit(FLAGS["derived"], pl.Int32),
            source=pl.lit(DERIVED),
        )
        .with_columns(raised({"truncated": ~is_whole | pl.col("_last_is_truncated"), "no_trades": rules.no_trades()}))
    )


def _last_moment(step: timedelta) -> pl.Expr:
    return pl.col("open_time") + (step - rules.CLOSE_TIME_RESOLUTION_US * MICROSECOND)


def _silver(klines: pa.Table, timeframe: str) -> pl.DataFrame:
    return frame_of(klines, SILVER_KLINES[timeframe].payload, name=f"silver_klines_{timeframe}")
