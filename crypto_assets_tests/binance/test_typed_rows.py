"""Columns of text to typed columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest

from crypto_assets.binance.typed_rows import (
    Column,
    Kind,
    as_table,
    in_span,
    read_amounts,
    read_rows,
    rejected_rows,
    utc_time,
)
from crypto_assets.schemas import AMOUNT, REJECTED
from crypto_assets.spans import Span

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


MIDNIGHT = datetime(2024, 8, 1, tzinfo=UTC)
MIDNIGHT_MS = 1_722_470_400_000


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("time", f"{MIDNIGHT_MS}", MIDNIGHT),
        ("time", f"{MIDNIGHT_MS}001", MIDNIGHT + timedelta(microseconds=1)),
        ("time", "100000000000", datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        ("time", "1000000000000000", datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        ("time", "99999999999", "is not a time in ms or us"),
        ("time", "10000000000000000", "is not a time in ms or us"),
        ("time", "-722470400000", "is not a time in ms or us"),
        ("clock", "2024-08-01 00:05:07", MIDNIGHT + timedelta(minutes=5, seconds=7)),
        ("clock", "2024-08-01T00:05:07", "is not a time such as 2024-08-01 00:05:00"),
        ("clock", "2024-02-30 00:00:00", "is not a time such as 2024-08-01 00:05:00"),
        ("amount", "1.23456789", Decimal("1.23456789")),
        ("wide_amount", "1.123456789012345678", Decimal("1.123456789012345678")),
        ("wide_amount", "x", "is not a number of at most 20 digits and 18 decimals"),
        ("count", "-12", -12),
        ("count", "9" * 18, 10**18 - 1),
        ("count", "9" * 19, "is not a whole number"),
        ("hours", "9999", 9999),
        ("hours", "-8", "is not a number of hours"),
        ("hours", "10000", "is not a number of hours"),
        ("flag", "TRUE", True),
        ("flag", "1", True),
        ("flag", "False", False),
        ("flag", "0", False),
        ("flag", "2", "is neither true nor false"),
        ("text", "BTCUSDT", "BTCUSDT"),
        ("text", "", "is empty"),
    ],
)
def test_each_kind_of_column_reads_what_it_can_hold_and_says_what_it_expected(
    kind: Kind, text: str, expected: object
) -> None:
    for beside in ([], ["\u00e9"]):  # alone, and beside a value that no kind but text can read
        rows = read_rows(pl.DataFrame({"0": [text, *beside]}), columns=(Column("it", kind),))
        reason = dict(rows.rejected()).get(0)
        if reason is None:
            assert rows.values["it"][0] == expected
        else:
            assert reason == f"it '{text}' {expected}"


def test_a_time_far_beyond_is_one_in_milliseconds() -> None:
    rows = read_rows(pl.DataFrame({"0": ["999999999999999"]}), columns=(Column("it", "time"),))
    assert rows.values["it"].to_physical().to_list() == [999_999_999_999_999_000]


def test_unused_columns_are_neither_read_nor_judged() -> None:
    rows = read_rows(pl.DataFrame({"a": ["x"], "b": ["7"]}), columns=(Column("rest", "unused"), Column("id", "count")))
    assert (rows.values.columns, rows.accepted().rows()) == (["id"], [(7,)])


def test_amounts_may_be_blank_where_their_schema_says_so() -> None:
    schema = pa.schema([pa.field("must", AMOUNT, nullable=False), pa.field("may", AMOUNT)])
    rows = read_amounts(pl.DataFrame({"may": ["", "1"], "must": ["2", ""]}), schema=schema)
    assert rows.accepted().rows() == [(None, Decimal(2))]
    assert [index for index, _ in rows.rejected()] == [1]


def test_a_span_holds_its_start_and_not_its_end_in_whichever_zone_it_is_given() -> None:
    there = timezone(timedelta(hours=2))
    span = Span(MIDNIGHT.astimezone(there), (MIDNIGHT + timedelta(hours=1)).astimezone(there))
    times = [MIDNIGHT + n * timedelta(minutes=30) + timedelta(microseconds=1) * d for n in (0, 1, 2) for d in (-1, 0)]
    frame = pl.DataFrame({"time": pl.Series(times, dtype=pl.Datetime("us", "UTC"))})
    assert frame.select(in_span("time", span)).to_series().to_list() == [False, True, True, True, True, False]
    assert frame.select(pl.col("time") == utc_time(MIDNIGHT.astimezone(there))).to_series().sum() == 1


def test_rejected_rows_carry_their_bytes_reason_origin_and_line() -> None:
    assert rejected_rows([(b"\xff", "odd", 3), (b"", "empty", 9)], origin="file").to_pylist() == [
        {"raw": b"\xff", "reason": "odd", "origin": "file", "line": 3},
        {"raw": b"", "reason": "empty", "origin": "file", "line": 9},
    ]
