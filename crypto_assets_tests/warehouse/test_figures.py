"""Figures of rows as Arrow counts them are those that a database gives of the same rows, and of no others."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.warehouse.facts import time_dimension, trade_facts
from crypto_assets.warehouse.figures import (
    Figures,
    as_text,
    bounds_of,
    condition_of,
    day_column,
    differences,
    figures_of,
    names_of_figures,
    rows_of_day,
    select_figures,
)
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, DayTable
from crypto_assets_tests.warehouse.examples import DAY, dim_symbol, small_day, trades

TABLES = (FACT_TRADES, DIM_TIME, DIM_SYMBOL)


@cache
def facts() -> pa.Table:
    return trade_facts(trades([*small_day(count=9), *small_day("ETHUSDT", count=4)]))


def rows_of(table: DayTable) -> pa.Table:
    """A few rows of a day."""
    if table is FACT_TRADES:
        return facts()
    return time_dimension(DAY) if table is DIM_TIME else dim_symbol("BTCUSDT", "ETHUSDT")


def asked(rows: pa.Table, query: str, *, name: str) -> tuple[Any, ...]:
    """The one row that a database answers, in which the table of that name holds the rows."""
    with duckdb.connect() as database:
        database.register(name, rows)
        (row,) = database.execute(query).fetchall()
        return row


def database_figures(table: DayTable, rows: pa.Table) -> dict[str, Any]:
    query = select_figures(table, where=rows_of_day(table, DAY, rows))
    return dict(zip(names_of_figures(table), asked(rows, query, name=table.name), strict=True))


def holds(figures: Figures, rows: pa.Table) -> bool:
    (found,) = asked(rows, f"SELECT {condition_of(figures)} FROM rows", name="rows")
    return bool(found)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_figures_of_parquet_are_those_of_a_database(table: DayTable) -> None:
    rows = rows_of(table)
    found = figures_of(rows)
    assert list(found) == names_of_figures(table)
    assert found == database_figures(table, rows)
    assert holds(found, rows)


def test_figures_of_a_table_worked_out_by_hand() -> None:
    first = datetime(2024, 8, 8)  # noqa: DTZ001 - as the table has it
    rows = pa.table(
        {
            "at": pa.array([first + timedelta(minutes=7), first], pa.timestamp("us")),
            "paid": pa.array([Decimal("0.1"), Decimal("0.20000001")], pa.decimal128(28, 8)),
            "count": pa.array([2, 3]),
            "symbol": ["BTCUSDT", None],
            "is_buy": [True, False],
        }
    )
    assert figures_of(rows) == {
        "rows": 2,
        "min(at)": first,
        "max(at)": first + timedelta(minutes=7),
        "sum(paid)": Decimal("0.30000001"),
        "sum(count)": 5,
        "count(symbol)": 1,
        "count(is_buy)": 2,
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_figures_of_no_rows_are_those_of_a_database(table: DayTable) -> None:
    rows = rows_of(table)
    nothing = rows.slice(0, 0)
    assert figures_of(nothing) == database_figures(table, nothing)
    assert holds(figures_of(nothing), nothing)
    assert not holds(figures_of(nothing), rows)
    assert not holds(figures_of(rows), nothing)


@given(st.data())
@settings(max_examples=20)
def test_figures_do_not_hold_of_rows_that_differ_in_one_last_digit(data: st.DataObject) -> None:
    sums = [name for name in names_of_figures(FACT_TRADES) if name.startswith("sum(")]
    column = data.draw(st.sampled_from(sums)).removeprefix("sum(").removesuffix(")")
    row = data.draw(st.integers(0, facts().num_rows - 1))
    kind = FACT_TRADES.schema.field(column).type
    values = facts()[column].to_pylist()
    values[row] += Decimal(1).scaleb(-kind.scale) if pa.types.is_decimal(kind) else 1
    at = FACT_TRADES.schema.get_field_index(column)
    other = facts().set_column(at, FACT_TRADES.schema.field(column), pa.array(values, kind))
    assert not holds(figures_of(facts()), other)
    assert differences(figures_of(facts()), figures_of(other)) == [
        f"sum({column}) is {sum(facts()[column].to_pylist())} in S3 and {sum(values)} in Redshift"
    ]


def test_a_day_is_found_by_its_times_and_a_dimension_without_any_by_its_keys() -> None:
    end = date(2024, 8, 31)
    assert [day_column(table) for table in (FACT_TRADES, DIM_TIME, DIM_SYMBOL)] == ["trade_minute", "datetime", None]
    assert rows_of_day(FACT_TRADES, end, facts()) == (
        "trade_minute >= TIMESTAMP '2024-08-31 00:00:00.000000' "
        "AND trade_minute < TIMESTAMP '2024-09-01 00:00:00.000000'"
    )
    assert rows_of_day(DIM_SYMBOL, end, dim_symbol("ETHUSDT", "BTCUSDT")) == "symbol IN ('BTCUSDT', 'ETHUSDT')"
    assert bounds_of(end) == (datetime(2024, 8, 31), datetime(2024, 9, 1))  # noqa: DTZ001 - as the table has it


def test_a_day_leaves_the_days_beside_it_out() -> None:
    last = bounds_of(DAY)[0] + timedelta(days=1, microseconds=-1)
    moments = [bounds_of(DAY)[0] - timedelta(microseconds=1), bounds_of(DAY)[0], last, bounds_of(DAY)[1]]
    rows = pa.table({"datetime": pa.array(moments, pa.timestamp("us"))})
    where = rows_of_day(DIM_TIME, DAY, rows)
    assert asked(rows, f"SELECT LIST(datetime) FROM dim_time WHERE {where}", name="dim_time") == (moments[1:3],)


def test_every_figure_that_differs_is_told_with_both_values() -> None:
    ours = {"rows": 2, "sum(paid)": Decimal("0.3"), "max(at)": datetime(2024, 8, 8)}  # noqa: DTZ001 - as the table has it
    assert differences(ours, ours) == []
    assert differences(ours, {"rows": 3, "sum(paid)": Decimal("0.3")}) == [
        "rows is 2 in S3 and 3 in Redshift",
        "max(at) is 2024-08-08 00:00:00 in S3 and None in Redshift",
    ]


def test_figures_are_written_in_one_line() -> None:
    figures: Figures = {"rows": 0, "sum(paid)": None, "min(at)": datetime(2024, 8, 8, 1, 2)}  # noqa: DTZ001
    assert as_text(figures) == "rows=0 sum(paid)=None min(at)=2024-08-08T01:02:00"


def test_a_small_decimal_is_written_without_an_exponent() -> None:
    assert condition_of({"sum(paid)": Decimal("0E-8"), "sum(count)": None}) == (
        "SUM(PAID) = 0.00000000\n    AND SUM(COUNT) IS NULL"
    )
