"""Queries that analysts are shown have a meaning on the tables that they are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.schemas import Dataset
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "connect.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
DAY = date(2024, 8, 5)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty tables of the declared columns, and a lake with a day of gold without rows."""
    monkeypatch.chdir(tmp_path)
    empty(GOLD_FEATURES, Path(".data/lake"))
    with duckdb.connect() as connection:
        for table in (FACT_TRADES, DIM_TIME, DIM_SYMBOL):
            connection.register(table.name, table.schema.empty_table())
        days = [(name, pa.string()) for name in ("year", "month", "day")]
        connection.register(PRICE_AGGREGATES.name, pa.schema([*PRICE_AGGREGATES.schema, *days]).empty_table())
        yield connection


def empty(dataset: Dataset, lake: Path) -> None:
    path = lake / dataset.partition_path("BTCUSDT", DAY)
    path.parent.mkdir(parents=True)
    pq.write_table(dataset.schema.empty_table(), path)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_is_shown_can_be_asked(asked: duckdb.DuckDBPyConnection, query: str) -> None:
    assert asked.sql(query).fetchall() == []


def test_each_place_has_a_query() -> None:
    assert [name for name in ("fact_trades", "price_aggregates", "gold/features") if name not in "".join(QUERIES)] == []


def test_the_table_of_features_names_columns_of_gold() -> None:
    columns = PAGE.partition("CREATE EXTERNAL TABLE gold_features (")[2].partition(")")[0]
    types = {"timestamp": pa.timestamp("us", tz="UTC"), "double": pa.float64(), "boolean": pa.bool_()}
    for column in columns.split(","):
        name, kind = column.split()
        assert GOLD_FEATURES.payload.field(name).type == types[kind]
