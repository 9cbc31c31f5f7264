"""Redshift's tables follow from the schema of the Parquet files, and a table that is another one is told apart."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from crypto_assets.errors import WarehouseError
from crypto_assets.warehouse.ddl import check_columns, create_table, literal, redshift_type
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES

HELD = [
    ("symbol", "character varying", None, None),
    ("base_asset", "character varying", None, None),
    ("quote_asset", "character varying", None, None),
]


def test_facts_are_spread_by_symbol_and_sorted_by_minute() -> None:
    assert create_table(FACT_TRADES) == (
        "CREATE TABLE IF NOT EXISTS fact_trades (\n"
        "    symbol VARCHAR(64) NOT NULL,\n"
        "    trade_minute TIMESTAMP NOT NULL,\n"
        "    min_price DECIMAL(28,8) NOT NULL,\n"
        "    max_price DECIMAL(28,8) NOT NULL,\n"
        "    avg_price DECIMAL(38,18) NOT NULL,\n"
        "    total_quantity DECIMAL(28,8) NOT NULL,\n"
        "    total_trade_value DECIMAL(38,16) NOT NULL,\n"
        "    open_price DECIMAL(28,8) NOT NULL,\n"
        "    close_price DECIMAL(28,8) NOT NULL,\n"
        "    vwap DECIMAL(38,18),\n"
        "    trade_count BIGINT NOT NULL,\n"
        "    taker_buy_quantity DECIMAL(28,8) NOT NULL\n"
        ")\n"
        "DISTKEY (symbol)\n"
        "SORTKEY (trade_minute, symbol)"
    )


def test_every_node_holds_all_of_a_dimension() -> None:
    assert create_table(DIM_TIME).endswith("\n    minute INTEGER NOT NULL\n)\nDISTSTYLE ALL\nSORTKEY (datetime)")


@pytest.mark.parametrize(
    "kind", [pa.timestamp("ns"), pa.timestamp("us", tz="UTC"), pa.uint32(), pa.list_(pa.int64()), pa.time64("us")]
)
def test_what_copy_would_read_wrongly_has_no_type(kind: pa.DataType) -> None:
    with pytest.raises(ValueError, match="Redshift has no type for"):
        redshift_type(kind)


def test_the_table_as_declared_is_accepted() -> None:
    check_columns(DIM_SYMBOL, HELD)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (HELD[:2], "quote_asset character varying is missing"),
        ([*HELD, ("listed", "date", None, None)], "listed date is not declared"),
        ([*HELD[:2], ("quote_asset", "numeric", 28, 8)], "quote_asset is decimal(28,8) instead of character varying"),
        (HELD[::-1], "its columns are in another order"),
    ],
)
def test_a_table_of_other_columns_is_refused_with_what_differs(
    held: list[tuple[str, str, int | None, int | None]], said: str
) -> None:
    with pytest.raises(WarehouseError) as refused:
        check_columns(DIM_SYMBOL, held)
    assert said in str(refused.value)
    assert "Nothing was changed" in str(refused.value)


def test_the_refusal_of_a_table_says_what_to_do() -> None:
    with pytest.raises(WarehouseError) as refused:
        check_columns(DIM_SYMBOL, [*HELD[:2], ("listed", "date", None, None)])
    assert str(refused.value) == (
        "The table dim_symbol in Redshift is not the one that is loaded here: quote_asset character varying is missing;"
        " listed date is not declared. Nothing was changed. Alter it, or rename it so that the next run makes a new "
        "one, then load its days again."
    )


def test_every_column_of_the_tables_is_accepted_as_redshift_lists_it() -> None:
    listed = {
        **{"character varying": "character varying", "timestamp[us]": "timestamp without time zone"},
        **{"int64": "bigint", "int32": "integer", "string": "character varying"},
    }
    for table in (FACT_TRADES, DIM_TIME, DIM_SYMBOL):
        held: list[tuple[str, str, int | None, int | None]] = []
        for field in table.schema:
            if pa.types.is_decimal(field.type):
                held.append((field.name, "numeric", field.type.precision, field.type.scale))
            else:
                held.append((field.name, listed[str(field.type)], None, None))
        check_columns(table, held)


def test_a_kind_without_a_type_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"^Redshift has no type for uint32; there are string, .*, double, decimal$"):
        redshift_type(pa.uint32())


def test_a_table_without_keys_of_its_own_has_no_order() -> None:
    plain = dataclasses.replace(DIM_SYMBOL, sortkey=())
    assert create_table(plain).endswith(")\nDISTSTYLE ALL")


def test_a_changed_decimal_is_seen() -> None:
    narrow = dataclasses.replace(DIM_SYMBOL, schema=pa.schema([pa.field("price", pa.decimal128(28, 8))]))
    with pytest.raises(WarehouseError, match=r"price is decimal\(18,8\) instead of decimal\(28,8\)"):
        check_columns(narrow, [("price", "numeric", 18, 8)])


def test_values_are_written_as_sql_reads_them() -> None:
    assert literal("o'clock") == "'o''clock'"
    assert literal(date(2024, 8, 9)) == "DATE '2024-08-09'"
    assert literal(datetime(2024, 8, 9, 1, 2, 3, 4, tzinfo=UTC)) == "TIMESTAMP '2024-08-09 01:02:03.000004'"
    assert literal(-7) == "-7"


def test_text_that_redshift_and_postgresql_read_differently_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written as text of SQL: it holds a backslash or a zero byte"):
        literal("a\\'; DROP TABLE fact_trades; --")
    with pytest.raises(ValueError, match="zero byte"):
        literal("BTC\0USDT")
