"""Columns of text to typed columns."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from crypto_assets.binance.typed_rows import Column, as_table, read_rows, rejected_rows
from crypto_assets.schemas import REJECTED

COLUMNS = (Column("id", "count"), Column("note", "amount", blank=True), Column("rest", "unused"))


def test_a_row_keeps_the_first_of_its_reasons() -> None:
    rows = read_rows(pl.DataFrame({"a": ["1", "x", "3"], "b": ["1", "y", "z"], "c": ["", "", ""]}), columns=COLUMNS)
    rows = rows.reject(pl.col("id") == 1, pl.lit("is the first"))
    rows = rows.reject(pl.lit(value=True), pl.lit("never seen"))
    assert [reason for _, reason in rows.rejected()] == [
        "is the first",
        "id 'x' is not a whole number",
        "note 'z' is not a number of at most 20 digits and 8 decimals",
    ]
    assert rows.accepted().height == 0


def test_a_blank_value_is_null_only_where_it_may_be() -> None:
    rows = read_rows(pl.DataFrame({"a": ["1", ""], "b": ["", None], "c": ["", ""]}), columns=COLUMNS)
    assert rows.accepted().rows() == [(1, None)]
    assert rows.rejected() == [(1, "id '' is not a whole number")]


def test_a_long_value_is_shown_in_part() -> None:
    rows = read_rows(pl.DataFrame({"a": ["9" * 500]}), columns=COLUMNS[:1])
    assert rows.rejected() == [(0, f"id '{'9' * 40}' is not a whole number")]


def test_columns_that_a_source_lacks_are_null_of_the_right_type() -> None:
    schema = pa.schema([("b", pa.decimal128(38, 18)), ("a", pa.int32()), ("c", pa.string())])
    table = as_table(pl.DataFrame({"a": [1, 2], "c": ["x", "y"], "more": [0, 0]}), schema=schema)
    assert table.schema.equals(schema)
    assert table.to_pydict() == {"b": [None, None], "a": [1, 2], "c": ["x", "y"]}


def test_no_rejected_row_is_an_empty_table_of_the_schema() -> None:
    assert rejected_rows([], origin="file").schema.equals(REJECTED)
