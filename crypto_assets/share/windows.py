"""Windows of an hour or a day from the minutes of the facts: exact, and the same whichever way the minutes came."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Context, Decimal

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.errors import BadPayload
from crypto_assets.share.tables import PRICE_AGGREGATES, WINDOWS
from crypto_assets.spans import EPOCH
from crypto_assets.warehouse.facts import half_even
from crypto_assets.warehouse.tables import FACT_TRADES

MINUTE = timedelta(minutes=1)
USED = (
    "symbol",
    "trade_minute",
    "open_price",
    "max_price",
    "min_price",
    "close_price",
    "total_quantity",
    "total_trade_value",
    "trade_count",
)
"""Columns of the facts that windows are made of."""

_SCHEMA = pa.schema([FACT_TRADES.schema.field(name) for name in USED])
_VWAP_DECIMALS = 18
_ALL_DIGITS = Context(prec=100)


def price_windows(
    facts: pa.Table, *, previous_close: Mapping[str, Decimal] | None = None, until: datetime | None = None
) -> pa.Table:
    """PRICE_AGGREGATES of all windows with trades, by symbol, timeframe and start, from FACT_TRADES in any order.

    `previous_close` is the last price before these minutes, of those symbols of which it is known; `until` (aware UTC)
    leaves out windows that end later. open and close are of the first and last minute that traded, high and low the
    extremes, volume, quote_volume and trades sums, vwap = quote_volume / volume.

    Let r_i = ln(close_i / close_i') be the log return of minute i, i' the minute before it in which there were trades,
    however long ago. Then realised_volatility = sqrt(sum of r_i^2 over the minutes of the window): Andersen,
    Bollerslev, Diebold, Labys, "Modeling and Forecasting Realized Volatility", Econometrica 71 (2003), not annualised.
    price_return = close / c - 1, where c is the close of the last minute with trades before the window: unlike close /
    open, returns of consecutive windows chain to that of the whole, and the step from one window to the next is not
    lost. A minute without a former one has no return; without any in the window, volatility is null.

    Raises BadPayload where a minute has no quantity, or a price that is not positive.
    """
    minutes = frame_of(facts, _SCHEMA, name=FACT_TRADES.name).sort("symbol", "trade_minute")
    _refuse_worthless(minutes)
    minutes = _with_returns(minutes, previous_close or {})
    order = pl.Enum(list(WINDOWS))
    windows = pl.concat([_windows(minutes, name, step) for name, step in WINDOWS.items()])
    if until is not None:
        end = pl.col("window_start") + pl.col("timeframe").replace_strict(WINDOWS, return_dtype=pl.Duration("us"))
        windows = windows.filter(end <= (EPOCH + (until - EPOCH)).replace(tzinfo=None))
    return table_of(windows.sort("symbol", pl.col("timeframe").cast(order), "window_start"), PRICE_AGGREGATES.schema)


def last_closes(facts: pa.Table) -> dict[str, Decimal]:
    """Price of the last trade of each symbol of FACT_TRADES rows in any order."""
    rows = pl.DataFrame(pl.from_arrow(facts.select(["symbol", "trade_minute", "close_price"])))
    last = rows.sort("trade_minute").group_by("symbol").agg(pl.col("close_price").last())
    return dict(last.sort("symbol").iter_rows())


def _refuse_worthless(minutes: pl.DataFrame) -> None:
    wrong = minutes.filter((pl.col("total_quantity") <= 0) | (pl.col("min_price") <= 0))
    if wrong.height:
        symbol, minute = wrong.select("symbol", "trade_minute").row(0)
        raise BadPayload(
            f"{FACT_TRADES.name} has {wrong.height} minutes without a quantity, or with a price that is not positive; "
            f"the first is {symbol} {minute:%Y-%m-%d %H:%M}. No window was made of them. Remove the trade, then "
            f"materialise {FACT_TRADES.name} of the day again."
        )


def _with_returns(minutes: pl.DataFrame, previous_close: Mapping[str, Decimal]) -> pl.DataFrame:
    """The minutes with `former_close` and `square`, the squared log return, both null where there is none."""
    first = pl.DataFrame(
        {"symbol": list(previous_close), "previous": list(previous_close.values())},
        schema={"symbol": pl.String, "previous": minutes.schema["close_price"]},
    )
    minutes = (
        minutes.join(first, on="symbol", how="left", maintain_order="left")
        .with_columns(former_close=pl.coalesce(pl.col("close_price").shift(1).over("symbol"), "previous"))
        .drop("previous")
    )
    squares = [
        None if former is None else math.log(close / former) ** 2
        for close, former in minutes.select("close_price", "former_close").iter_rows()
    ]
    return minutes.with_columns(pl.Series("square", squares, pl.Float64))


def _windows(minutes: pl.DataFrame, timeframe: str, step: timedelta) -> pl.DataFrame:
    windows = minutes.group_by("symbol", pl.col("trade_minute").dt.truncate(step).alias("window_start")).agg(
        pl.lit(timeframe).alias("timeframe"),
        open=pl.col("open_price").first(),
        high=pl.col("max_price").max(),
        low=pl.col("min_price").min(),
        close=pl.col("close_price").last(),
        volume=pl.col("total_quantity").sum(),
        quote_volume=pl.col("total_trade_value").sum(),
        trades=pl.col("trade_count").sum(),
        former_close=pl.col("former_close").first(),
        squares=pl.col("square"),
    )
    vwap = [exact_quotient(value, volume) for value, volume in windows.select("quote_volume", "volume").iter_rows()]
    return windows.with_columns(
        pl.Series("vwap", vwap, pl.Decimal(38, _VWAP_DECIMALS)),
        pl.Series("realised_volatility", [_root_of_sum(squares) for squares in windows["squares"]], pl.Float64),
        pl.Series(
            "price_return",
            [None if c is None else float(close / c - 1) for close, c in windows["close", "former_close"].iter_rows()],
            pl.Float64,
        ),
    ).select(PRICE_AGGREGATES.schema.names)


def exact_quotient(value: Decimal, quantity: Decimal, *, decimals: int = _VWAP_DECIMALS) -> Decimal:
    """value / quantity rounded once, half to even: both are taken as the whole numbers that they are.

    >>> exact_quotient(Decimal("1"), Decimal("3"), decimals=4)
    Decimal('0.3333')
    """
    top, bottom = value.as_integer_ratio(), quantity.as_integer_ratio()
    whole = half_even(top[0] * bottom[1] * 10**decimals, top[1] * bottom[0])
    return Decimal(whole).scaleb(-decimals, _ALL_DIGITS)


def _root_of_sum(squares: pl.Series) -> float | None:
    """fsum rounds once, so that the order and the way of adding change no bit."""
    known = [square for square in squares if square is not None]
    return math.sqrt(math.fsum(known)) if known else None
