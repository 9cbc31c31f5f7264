"""Columns of text to typed columns; a row that cannot be read costs one row, never the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import polars as pl
import pyarrow as pa

from crypto_assets.binance.decimals import read_decimals
from crypto_assets.schemas import AMOUNT, REJECTED, WIDE_AMOUNT
from crypto_assets.spans import Span

Kind = Literal["time", "clock", "amount", "wide_amount", "count", "hours", "flag", "text", "unused"]

UTC_TIME = pl.Datetime("us", "UTC")
MICROSECONDS_FROM = 10**15  # as ms this is the year 33658, as us 2001: a value tells its own unit

_EXPECTED: dict[Kind, str] = {
    "time": "is not a time in ms or us",
    "clock": "is not a time such as 2024-08-01 00:05:00",
    "amount": "is not a number of at most 20 digits and 8 decimals",
    "wide_amount": "is not a number of at most 20 digits and 18 decimals",
    "count": "is not a whole number",
    "hours": "is not a number of hours",
    "flag": "is neither true nor false",
    "text": "is empty",
}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a wire format: its name in our tables, what it holds, how the exchange calls it."""

    name: str
    kind: Kind
    spelled: tuple[str, ...] = ()
    """Names in headers of files, lower case, and keys of JSON objects; its own name where empty."""
    blank: bool = False
    """Whether an empty or absent value is null instead of a fault."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """Names that the exchange gives the column."""
        return self.spelled or (self.name,)


@dataclass(frozen=True, slots=True)
class TypedRows:
    """Values of every row, null where unreadable, and for each row what is wrong with it or null."""

    values: pl.DataFrame
    faults: pl.Series

    def reject(self, where: pl.Expr, reason: pl.Expr) -> TypedRows:
        """The same rows with one more reason to reject; the first reason of a row stays."""
        found = self.values.select(fault=pl.when(where).then(reason)).to_series()
        if not found.is_not_null().any():
            return self
        return TypedRows(self.values, pl.select(pl.coalesce(self.faults, found).alias("fault")).to_series())

    def accepted(self) -> pl.DataFrame:
        """Rows without a fault."""
        return self.values.filter(self.faults.is_null()) if self.faults.is_not_null().any() else self.values

    def rejected(self) -> list[tuple[int, str]]:
        """Index and reason of every row with a fault."""
        where = self.faults.is_not_null().arg_true()
        return list(zip(where.to_list(), self.faults.gather(where).to_list(), strict=True))


def read_rows(texts: pl.DataFrame, *, columns: Sequence[Column]) -> TypedRows:
    """Typed values of text columns, which lie in the order of `columns` whatever they are called."""
    used = [(texts.to_series(i), column) for i, column in enumerate(columns) if column.kind != "unused"]
    values = pl.DataFrame([_READERS[column.kind](text).alias(column.name) for text, column in used])
    faults = [fault for text, column in used if (fault := _faults(text, values[column.name], column)) is not None]
    if not faults:
        return TypedRows(values, pl.repeat(None, texts.height, dtype=pl.String, eager=True).alias("fault"))
    return TypedRows(values, pl.select(pl.coalesce(faults).alias("fault")).to_series())


def read_amounts(texts: pl.DataFrame, *, schema: pa.Schema) -> TypedRows:
    """Typed values of text columns that are AMOUNT in `schema`; those that may be null there may be empty."""
    columns = [Column(name, "amount", blank=schema.field(name).nullable) for name in texts.columns]
    return read_rows(texts, columns=columns)


def _faults(texts: pl.Series, values: pl.Series, column: Column) -> pl.Series | None:
    """What is wrong with each text, null where nothing is; None where nothing is wrong with any."""
    if not values.null_count():
        return None
    unread = values.is_null()
    if column.blank:
        unread &= texts.fill_null("") != ""
    if not unread.any():
        return None
    shown = texts.fill_null("").str.slice(0, 40)
    sentence = pl.format("{} '{}' {}", pl.lit(column.name), shown, pl.lit(_EXPECTED[column.kind]))
    return pl.select(pl.when(unread).then(sentence)).to_series()


def _whole(texts: pl.Series, *, pattern: str) -> pl.Series:
    is_whole = texts.str.contains(pattern)
    if is_whole.all(ignore_nulls=False):
        return texts.cast(pl.Int64)
    return pl.select(pl.when(is_whole).then(texts).cast(pl.Int64)).to_series()


def _time(texts: pl.Series) -> pl.Series:
    number = _whole(texts, pattern="^[0-9]{12,16}$")
    micros = pl.when(number < MICROSECONDS_FROM).then(number * 1000).otherwise(number)
    return pl.select(micros.cast(UTC_TIME)).to_series()


def _clock(texts: pl.Series) -> pl.Series:
    return texts.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us").dt.replace_time_zone("UTC")


def _flag(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean)


_READERS: dict[Kind, Callable[[pl.Series], pl.Series]] = {
    "time": _time,
    "clock": _clock,
    "amount": partial(read_decimals, kind=AMOUNT),
    "wide_amount": partial(read_decimals, kind=WIDE_AMOUNT),
    "count": partial(_whole, pattern="^-?[0-9]{1,18}$"),
    "hours": partial(_whole, pattern="^[0-9]{1,4}$"),
    "flag": _flag,
    "text": lambda texts: texts.replace("", None),
}


def in_span(time: str, span: Span) -> pl.Expr:
    """Whether a row's time lies in the span."""
    return (pl.col(time) >= utc_time(span.start)) & (pl.col(time) < utc_time(span.end))


def utc_time(moment: datetime) -> pl.Expr:
    """The moment, to compare columns of times with."""
    return pl.lit(moment.astimezone(UTC)).cast(UTC_TIME)


def as_table(frame: pl.DataFrame, *, schema: pa.Schema) -> pa.Table:
    """The frame's columns of `schema`, in its order and types; columns that the frame lacks are null."""
    arrays = {name: frame[name].to_arrow() for name in schema.names if name in frame.columns}
    columns = [
        arrays[field.name].cast(field.type) if field.name in arrays else pa.nulls(frame.height, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def rejected_rows(rows: Sequence[tuple[bytes, str, int]], *, origin: str) -> pa.Table:
    """Bytes, reason and line of each row as a table of `schemas.REJECTED`."""
    return pa.table(
        {
            "raw": [raw for raw, _, _ in rows],
            "reason": [reason for _, reason, _ in rows],
            "origin": [origin] * len(rows),
            "line": [line for _, _, line in rows],
        },
        schema=REJECTED,
    )
