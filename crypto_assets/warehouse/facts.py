"""Facts of trades: one row a symbol and minute, exact to the last digit; and the dimensions beside them.

Amounts are computed as whole numbers of their last digit, 128 bits wide: Polars' decimals drop digits of a product,
and its 128-bit sums would wrap around in silence, so that what could come near the limit is refused before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl
import pyarrow as pa

from crypto_assets.binance.wire import SymbolInfo
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.errors import BadPayload
from crypto_assets.schemas import AMOUNT
from crypto_assets.spans import day_span
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, MEAN, TRADES, VALUE

_MEAN_PER_AMOUNT = 10 ** (MEAN.scale - AMOUNT.scale)
"""Last digits of a mean in a last digit of an amount; in that of a value there are as many as in a quantity's."""
_KEY = ("symbol", "trade_id")


def trade_facts(trades: pa.Table) -> pa.Table:
    """FACT_TRADES of trades (schema TRADES, any order), by symbol and minute; copies of a trade id count once.

    avg_price = Σ price / n and vwap = Σ price·quantity / Σ quantity, each rounded half to even from the exact
    quotient; vwap is null in a minute with a quantity not above zero, for then it is no mean. open_price and
    close_price are those of the lowest and the highest trade id. Of copies that differ the earliest counts, then the
    one with the lowest values. A price or quantity of zero or less is counted like any other, and left to the gate.
    Raises BadPayload for other columns or types, for a null, and where amounts are too large for the types of a fact.
    """
    rows = frame_of(trades, TRADES, name="trades")
    if empty := [name for name, nulls in rows.null_count().row(0, named=True).items() if nulls]:
        raise BadPayload(f"Trades lack values in {', '.join(empty)}: facts of the rest would be wrong.")
    if rows.is_empty():
        return FACT_TRADES.schema.empty_table()
    whole = _distinct(rows).with_columns(pl.col("price", "quantity").to_physical())
    _refuse_too_large(whole)
    return _as_facts(_by_minute(whole))


def time_dimension(day: date) -> pa.Table:
    """DIM_TIME of a UTC day: its 1,440 minutes."""
    span = day_span(day)
    moment = pl.datetime_range(span.start, span.end, timedelta(minutes=1), closed="left", time_unit="us", eager=True)
    minutes = moment.dt.replace_time_zone(None).alias("datetime").to_frame()
    parts = [getattr(pl.col("datetime").dt, name)().cast(pl.Int32).alias(name) for name in DIM_TIME.schema.names[1:]]
    return table_of(minutes.with_columns(parts), DIM_TIME.schema)


def symbol_dimension(infos: Iterable[SymbolInfo]) -> pa.Table:
    """DIM_SYMBOL of symbols as exchangeInfo describes them, by name; copies of a symbol count once."""
    found = {info.symbol: info for info in infos}
    rows = [(name, found[name].base_asset, found[name].quote_asset) for name in sorted(found)]
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table([pa.array(list(column), pa.string()) for column in columns], schema=DIM_SYMBOL.schema)


def _distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a trade, by symbol and id."""
    ordered = rows.sort(_KEY)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in _KEY).fill_null(value=False)
    is_copied = ordered.select(same | same.shift(-1, fill_value=False)).to_series()
    if not is_copied.any():
        return ordered
    first = ordered.filter(is_copied).sort([*_KEY, "trade_time", "price", "quantity", "is_buyer_maker"]).filter(~same)
    return pl.concat([ordered.filter(~is_copied), first]).sort(_KEY)


def _refuse_too_large(whole: pl.DataFrame) -> None:
    """Raise BadPayload where a sum could leave its type: no sum of products exceeds Σ|quantity| × max|price|."""
    price, quantity = whole.select(pl.col("price").abs().max(), pl.col("quantity").abs().sum()).row(0)
    if quantity >= 10**AMOUNT.precision or price * quantity >= 10**VALUE.precision:
        row = whole.sort(pl.col("quantity").abs(), pl.col("price").abs()).row(-1, named=True)
        raise BadPayload(
            f"Trades are too large to sum exactly: {row['symbol']} {row['trade_id']} has the quantity "
            f"{row['quantity'] / 10**AMOUNT.scale:g}. No market trades that much; see where the trade comes from."
        )


def _by_minute(whole: pl.DataFrame) -> pl.DataFrame:
    price, quantity = pl.col("price"), pl.col("quantity")
    minute = pl.col("trade_time").dt.replace_time_zone(None).dt.truncate("1m")
    return (
        whole.group_by("symbol", minute.alias("trade_minute"))
        .agg(
            min_price=price.min(),
            max_price=price.max(),
            total_price=price.sum(),
            total_quantity=quantity.sum(),
            total_trade_value=(price * quantity).sum(),
            open_price=price.first(),
            close_price=price.last(),
            trade_count=pl.len().cast(pl.Int64),
            taker_buy_quantity=quantity.filter(~pl.col("is_buyer_maker")).sum(),
            min_quantity=quantity.min(),
        )
        .sort("symbol", "trade_minute")
    )


def _as_facts(minutes: pl.DataFrame) -> pa.Table:
    """Facts of minutes whose amounts are whole numbers of last digits."""
    whole = {name: minutes[name].to_list() for name in minutes.columns if minutes.schema[name] == pl.Int128}
    whole["avg_price"] = [
        half_even(total * _MEAN_PER_AMOUNT, count)
        for total, count in zip(whole["total_price"], minutes["trade_count"], strict=True)
    ]
    whole["vwap"] = [
        half_even(value * _MEAN_PER_AMOUNT, quantity) if smallest > 0 else None
        for value, quantity, smallest in zip(
            whole["total_trade_value"], whole["total_quantity"], whole["min_quantity"], strict=True
        )
    ]
    columns = [
        _decimals(whole[field.name], field.type)
        if field.name in whole
        else minutes[field.name].to_arrow().cast(field.type)
        for field in FACT_TRADES.schema
    ]
    return pa.table(columns, schema=FACT_TRADES.schema)


def half_even(numerator: int, denominator: int) -> int:
    """The quotient to the nearest whole number, a half to the even one; the denominator is above zero.

    >>> [half_even(n, 2) for n in (-3, -1, 1, 3, 5)]
    [-2, 0, 0, 2, 2]
    """
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


def _decimals(values: list[int | None], kind: pa.Decimal128Type) -> pa.Array:
    """Whole numbers of last digits as decimals: 16 bytes each, the lowest first, is what Arrow holds."""
    content = b"".join((value or 0).to_bytes(16, "little", signed=True) for value in values)
    bits = pa.array([value is not None for value in values]).buffers()[1]
    return pa.Array.from_buffers(kind, len(values), [bits, pa.py_buffer(content)])
