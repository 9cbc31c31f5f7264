"""From decoded messages of a topic to rows of a bronze dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.binance.quote_quantity import with_quote_quantity
from crypto_assets.binance.typed_rows import TypedRows, read_amounts
from crypto_assets.schemas import (
    AMOUNT,
    BOOK_LEVELS,
    BRONZE_KLINES,
    BRONZE_LIQUIDATIONS,
    BRONZE_MARK_PRICE,
    BRONZE_ORDERBOOK,
    BRONZE_TRADES,
    Dataset,
)

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]

CARRIED = ("offset", "received_at", "source")
"""Columns of a message that its row keeps beside the payload."""


@dataclass(frozen=True, slots=True)
class Form:
    """How rows of a dataset lie in the messages of its topic."""

    time: pl.Expr
    """When the row happened: what puts it into a day."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Field of the message by column of the dataset, where it is called differently."""
    keep: pl.Expr | None = None
    """Which messages are rows of the dataset; None where all are."""
    derive: Callable[[TypedRows, pl.DataFrame], TypedRows] = lambda rows, _: rows
    """Adds the columns that are not simply fields."""


def rows_of(dataset: Dataset, messages: pl.DataFrame) -> TypedRows:
    """Payload columns of the dataset and those of CARRIED, one row a message of `kept`, with what is wrong with it."""
    form = FORMS[dataset.name]
    fields = {column: form.names.get(column, column) for column in dataset.payload.names}
    held = {column: name for column, name in fields.items() if name in messages.columns}
    amounts = [column for column in held if dataset.payload.field(column).type == AMOUNT]
    texts = messages.select(pl.col(held[column]).alias(column) for column in amounts)
    rows = read_amounts(texts, schema=dataset.payload)
    taken = {dataset.time_column, *amounts}
    others = [pl.col(name).alias(column) for column, name in held.items() if column not in taken]
    plain = messages.select(form.time.alias(dataset.time_column), *others, *CARRIED)
    return form.derive(TypedRows(pl.concat([plain, rows.values], how="horizontal"), _faults(rows, messages)), messages)


def kept(dataset: Dataset, messages: pl.DataFrame) -> pl.DataFrame:
    """The messages that are rows of the dataset: of candles the closed ones of its timeframe."""
    keep = FORMS[dataset.name].keep
    return messages if keep is None else messages.filter(keep)


def days_of(dataset: Dataset, messages: pl.DataFrame) -> pl.Series:
    """The UTC day of each message, as days since 1970-01-01."""
    day = FORMS[dataset.name].time.dt.epoch("d").cast(pl.Int64)
    return messages.select(day.alias("day")).to_series()


def _faults(rows: TypedRows, messages: pl.DataFrame) -> pl.Series:
    return rows.faults if rows.faults.len() else pl.repeat(None, messages.height, dtype=pl.String, eager=True)


def _with_levels(rows: TypedRows, messages: pl.DataFrame) -> TypedRows:
    for side in ("bid", "ask"):
        levels, unreadable = _levels(messages[f"{side}s"])
        named = {
            f"{side}_{what}_{level + 1}": levels[:, level, place]
            for level in range(BOOK_LEVELS)
            for place, what in enumerate(("price", "quantity"))
        }
        columns = [pl.Series(name, np.ascontiguousarray(values), nan_to_null=True) for name, values in named.items()]
        rows = TypedRows(rows.values.with_columns(columns, _unreadable=pl.Series(unreadable)), rows.faults)
        reason = pl.lit(f"a level of the {side}s is not a price and a quantity")
        rows = rows.reject(pl.col("_unreadable"), reason)
    return TypedRows(rows.values.drop("_unreadable"), rows.faults)


def _levels(side: pl.Series) -> tuple[_Floats, _Bools]:
    """Price and quantity by row and level, NaN where a row has fewer; and the rows with a level that cannot be read."""
    count = side.len()
    levels = np.full((count, BOOK_LEVELS, 2), np.nan)
    unreadable = np.zeros(count, np.bool_)
    sizes = side.list.len().to_numpy().astype(np.int64)
    if not sizes.sum():
        return levels, unreadable
    cells = side.filter(pl.Series(sizes > 0)).explode()
    row = np.repeat(np.arange(count), sizes)
    level = np.arange(row.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    pairs = cells.list.len().to_numpy() == 2
    unreadable[row[~pairs]] = True
    if not pairs.all():
        cells, row, level = cells.filter(pl.Series(pairs)), row[pairs], level[pairs]
    values = cells.explode().cast(pl.Float64, strict=False).to_numpy().reshape(-1, 2)
    unreadable[row[~np.isfinite(values).all(axis=1)]] = True
    used = level < BOOK_LEVELS
    levels[row[used], level[used]] = values[used]
    return levels, unreadable


def _klines(timeframe: str) -> Form:
    return Form(time=pl.col("open_time"), keep=pl.col("closed") & (pl.col("timeframe") == timeframe))


def _without_zero(rows: TypedRows, _: pl.DataFrame) -> TypedRows:
    """A contract without funding says 0 for the time of the next."""
    time = pl.col("next_funding_time")
    return TypedRows(rows.values.with_columns(pl.when(time.dt.epoch("us") != 0).then(time)), rows.faults)


_SENT = pl.coalesce("event_time", "received_at")
"""When the exchange sent it; partial books do not say, theirs is when it was received."""

FORMS: Mapping[str, Form] = {
    **{dataset.name: _klines(timeframe) for timeframe, dataset in BRONZE_KLINES.items()},
    BRONZE_ORDERBOOK.name: Form(time=_SENT, derive=_with_levels),
    BRONZE_MARK_PRICE.name: Form(time=_SENT, names={"estimated_funding_rate": "funding_rate"}, derive=_without_zero),
    BRONZE_LIQUIDATIONS.name: Form(time=pl.col("trade_time")),
    BRONZE_TRADES.name: Form(time=pl.col("trade_time"), derive=lambda rows, _: with_quote_quantity(rows)),
}
"""Form by dataset; those of `stream.feeds`."""
