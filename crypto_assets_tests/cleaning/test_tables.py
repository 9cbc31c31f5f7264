from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pyarrow as pa
import pytest

from crypto_assets.cleaning.aggregate import aggregate_klines, compare_with_aggregates, klines_from_trades
from crypto_assets.cleaning.candles import end_candles
from crypto_assets.cleaning.klines import clean_klines
from crypto_assets.cleaning.orderbook import clean_orderbook
from crypto_assets.cleaning.perpetual import build_perpetual
from crypto_assets.cleaning.reconcile import compare_sources
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.errors import BadPayload
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets_tests.cleaning.examples import DAY, at, clean, kline

SCHEMA = pa.schema([("time", pa.int64()), ("price", pa.decimal128(28, 8))])


def _perpetual(name: str) -> Callable[[pa.Table], object]:
    none: dict[str, pa.Table | None] = dict.fromkeys(("funding", "open_interest", "mark_price", "liquidations"))
    return lambda table: build_perpetual(**(none | {name: table}), start=DAY, end=at(1))


def _five(table: pa.Table) -> object:
    return compare_with_aggregates(SILVER_KLINES["5m"].payload.empty_table(), table, timeframe="5m")


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda table: clean_klines(table, timeframe="15m", start=DAY, end=at(1)), "bronze_klines_15m"),
        (lambda table: aggregate_klines(table, timeframe="5m"), "silver_klines_1m"),
        (lambda table: compare_with_aggregates(table, table, timeframe="5m"), "silver_klines_5m"),
        (_five, "silver_klines_1m"),
        (lambda table: klines_from_trades(table, timeframe="1m"), "trades"),
        (lambda table: end_candles(table, timeframe="5m"), "klines_5m"),
        (clean_orderbook, "bronze_orderbook"),
        (_perpetual("funding"), "bronze_funding_rate"),
        (_perpetual("open_interest"), "bronze_open_interest"),
        (_perpetual("mark_price"), "bronze_mark_price"),
        (_perpetual("liquidations"), "bronze_liquidations"),
        (lambda table: compare_sources(table, timeframe="1m"), "bronze_klines_1m"),
    ],
)
def test_a_table_of_other_columns_is_refused_by_the_name_of_what_it_should_be(
    read: Callable[[pa.Table], object], name: str
) -> None:
    with pytest.raises(BadPayload, match=rf"^{name} lacks the columns .*; it has strange, more\.$"):
        read(pa.table({"strange": [1], "more": [2]}))


def test_every_absent_column_and_every_wrong_type_is_named() -> None:
    with pytest.raises(BadPayload, match=r"^it lacks the columns time, price; it has other\.$"):
        frame_of(pa.table({"other": [1]}), SCHEMA, name="it")
    wrong = pa.table({"time": ["1"], "price": [1.0]})
    with pytest.raises(BadPayload, match=r"^it cannot be used: time is String instead of Int64; price is Float64 ins"):
        frame_of(wrong, SCHEMA, name="it")


def test_further_columns_are_left_out_and_the_order_is_that_of_the_schema() -> None:
    table = clean([kline(0)], minutes=1).table
    names = list(reversed(table.column_names))
    frame = frame_of(table.select(names).append_column("more", pa.array([1])), SILVER_KLINES["1m"].payload, name="it")
    assert frame.columns == table.column_names
    assert table_of(frame, SILVER_KLINES["1m"].payload).equals(table)


def test_a_required_column_with_a_null_is_no_table_of_the_schema() -> None:
    schema = pa.schema([pa.field("time", pa.int64(), nullable=False)])
    with pytest.raises(ValueError, match="time"):
        table_of(pl.DataFrame({"time": [1, None]}), schema)
    assert table_of(pl.DataFrame({"other": []}), schema).schema == schema
