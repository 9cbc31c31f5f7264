"""The lake as a notebook reads it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import crypto_assets
from crypto_assets.config import Settings
from crypto_assets.errors import BadQuestion, CryptoAssetsError, InputIncomplete
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.reading.open_lake import OpenLake, open_lake
from crypto_assets_tests.reading.small_lake import DAYS


def test_both_ends_of_the_days_are_included(reader: OpenLake) -> None:
    found = reader.gold("BTCUSDT", "2024-08-01", "2024-08-02")
    assert isinstance(found, pl.DataFrame)
    assert found.columns == GOLD_FEATURES.schema.names
    assert found["open_time"].dt.date().unique(maintain_order=True).to_list() == [DAYS[0], DAYS[1]]


def test_without_an_end_it_is_one_day_and_days_that_were_never_made_are_left_out(reader: OpenLake) -> None:
    assert reader.gold("BTCUSDT", DAYS[1]).height == 3
    assert reader.gold("BTCUSDT", DAYS[1], DAYS[2]).height == 6


def test_columns_are_those_asked_for_in_that_order(reader: OpenLake) -> None:
    found = reader.gold("BTCUSDT", "2024-08-01", columns=["rsi_14_1m", "as_of"])
    assert found.columns == ["rsi_14_1m", "as_of"]
    assert found["rsi_14_1m"].to_list() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("kind", "expected"), [("pandas", pd.DataFrame), ("arrow", pa.Table), ("polars", pl.DataFrame)]
)
def test_rows_come_as_what_is_asked_for(reader: OpenLake, kind: str, expected: type) -> None:
    by_method = reader.klines("BTCUSDT", "2024-08-01", kind=kind)  # pyright: ignore[reportArgumentType]
    by_query = reader.sql("SELECT * FROM silver_klines_1m", kind=kind)  # pyright: ignore[reportArgumentType]
    assert isinstance(by_method, expected)
    assert isinstance(by_query, expected)
    assert len(by_method) == len(by_query) == 4


def test_parts_are_read_as_their_manifest_lists_them(reader: OpenLake) -> None:
    assert reader.read("bronze_trades", "BTCUSDT", "2024-08-01").height == 5


def test_days_symbols_and_datasets_are_listed(reader: OpenLake) -> None:
    assert reader.days("gold_features", "BTCUSDT") == list(DAYS)
    assert reader.days("bronze_trades", "ETHUSDT") == []
    assert reader.symbols("gold_features") == ["BTCUSDT", "ETHUSDT"]
    assert {"gold_features", "bronze_trades", "fact_trades", "health_report"} <= reader.datasets().keys()


def test_days_that_nobody_made_are_told_with_the_command_that_makes_them(reader: OpenLake) -> None:
    with pytest.raises(InputIncomplete) as told:
        reader.gold("BTCUSDT", "2024-09-01", "2024-09-07")
    assert "there are 3, 2024-08-01 to 2024-08-04" in str(told.value)
    assert str(told.value).endswith("crypto-assets backfill BTCUSDT 2024-09-01 2024-09-07")


WRONG = {
    "a symbol that climbs": lambda lake: lake.gold("../../etc", "2024-08-01"),
    "a symbol in small letters": lambda lake: lake.gold("btcusdt", "2024-08-01"),
    "a symbol with a slash": lambda lake: lake.days("gold_features", "BTC/USDT"),
    "a day that is none": lambda lake: lake.gold("BTCUSDT", "2024-02-30"),
    "a day that climbs": lambda lake: lake.gold("BTCUSDT", "../../2024-08-01"),
    "a moment": lambda lake: lake.gold("BTCUSDT", datetime(2024, 8, 1, 12, tzinfo=UTC)),
    "an end before its start": lambda lake: lake.gold("BTCUSDT", date(2024, 8, 2), date(2024, 8, 1)),
    "a dataset that is none": lambda lake: lake.read("../ckpts", "BTCUSDT", "2024-08-01"),
    "a dataset of whole days": lambda lake: lake.read("price_aggregates", "BTCUSDT", "2024-08-01"),
    "a column that is none": lambda lake: lake.gold("BTCUSDT", "2024-08-01", columns=["rsi"]),
    "no column": lambda lake: lake.gold("BTCUSDT", "2024-08-01", columns=[]),
    "a timeframe that is none": lambda lake: lake.klines("BTCUSDT", "2024-08-01", timeframe="../1m"),
    "a type that Polars lacks": lambda lake: lake.sql("SELECT INTERVAL 1 DAY"),
    "a kind that is none": lambda lake: lake.gold("BTCUSDT", "2024-08-01", kind="numpy"),
}


@pytest.mark.parametrize("ask", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_is_refused_in_a_sentence(reader: OpenLake, ask: object) -> None:
    with pytest.raises(BadQuestion) as refused:
        ask(reader)  # pyright: ignore[reportCallIssue]
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "uri",
    ["", "a/../../b", "file:///data/../etc", "s3://bucket/%2e%2e/other", "zip://x::file:///etc", "http://host.example/lake",
     "s3://bucket/lake?key=1", "lake\n", "..", "simplecache::s3://bucket",
     "s3://bucket::file:///etc"],
)  # fmt: skip
def test_a_place_that_is_no_lake_is_refused(uri: str, settings: Settings) -> None:
    with pytest.raises(BadQuestion):
        open_lake(uri or " ", settings=settings)


def test_the_lake_of_the_settings_is_opened_unless_another_is_named(settings: Settings, tmp_path: Path) -> None:
    assert crypto_assets.open_lake(settings=settings).uri == settings.lake
    assert open_lake(str(tmp_path), settings=settings).uri == str(tmp_path)
    assert issubclass(BadQuestion, CryptoAssetsError)


def test_the_package_itself_imports_none_of_it() -> None:
    program = "import sys, crypto_assets; print(sorted({'polars', 'duckdb', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
