"""A file taken from the page is gold, exactly."""

from __future__ import annotations

import csv
import io

import polars as pl
import pyarrow.parquet as pq
import pytest

from crypto_assets.dashboard.features.downloads import as_csv, as_parquet, file_name
from crypto_assets.dashboard.features.gold_day import GoldDay
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets_tests.dashboard.features.days import DAY, gold_table

TABLE = gold_table(minutes=range(3), values={"rsi_14_1m": [41.25, None, 0.1 + 0.2]})
NAMES = ["macd_1m", "rsi_14_1m"]


@pytest.fixture
def day() -> GoldDay:
    frame = pl.from_arrow(TABLE)
    assert isinstance(frame, pl.DataFrame)
    return GoldDay("BTCUSDT", DAY, None, frame, frame)


def test_a_parquet_file_holds_the_rows_and_says_what_columns_mean(day: GoldDay) -> None:
    stored = pq.read_table(io.BytesIO(as_parquet(day, NAMES)))
    columns = ["open_time", "as_of", "warm", "filled", "rsi_14_1m", "macd_1m"]
    assert stored.equals(TABLE.select(columns))
    assert stored.schema.field("rsi_14_1m").metadata == GOLD_FEATURES.schema.field("rsi_14_1m").metadata
    assert b"unit" in (stored.schema.field("rsi_14_1m").metadata or {})


def test_a_csv_file_holds_every_digit_and_times_in_utc(day: GoldDay) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(day, NAMES).decode())))
    assert [row["rsi_14_1m"] for row in rows] == ["41.25", "", "0.30000000000000004"]
    assert (rows[1]["open_time"], rows[1]["as_of"]) == ("2024-08-05T00:01:00Z", "2024-08-05T00:02:00Z")
    assert [float(row["macd_1m"]) for row in rows] == TABLE["macd_1m"].to_pylist()


def test_a_file_is_named_for_what_it_holds(day: GoldDay) -> None:
    assert file_name(day, "csv") == "gold_features-BTCUSDT-2024-08-05.csv"
