"""Where a day of a dataset lies, and what its rows carry."""

from __future__ import annotations

from datetime import date

import pytest

from crypto_assets.schemas import BRONZE_KLINES, BRONZE_ORDERBOOK, FLAGS, SILVER, SILVER_KLINES, Dataset

DAY = date(2024, 8, 5)


@pytest.mark.parametrize(
    ("dataset", "path"),
    [
        (BRONZE_KLINES["1m"], "bronze/klines/timeframe=1m/symbol=BTCUSDT/date=2024-08-05"),
        (SILVER_KLINES["5m"], "silver/symbol=BTCUSDT/date=2024-08-05/klines_5m.parquet"),
    ],
)
def test_a_day_of_a_symbol_lies_in_its_folder_or_in_its_file(dataset: Dataset, path: str) -> None:
    assert dataset.partition_path("BTCUSDT", DAY) == path


@pytest.mark.parametrize("symbol", ["../etc", "btcusdt", "", "A" * 21, "BTC/USDT"])
def test_what_is_no_symbol_is_no_path(symbol: str) -> None:
    with pytest.raises(ValueError, match="is no symbol"):
        SILVER_KLINES["1m"].partition_path(symbol, DAY)


def test_a_dataset_without_symbols_has_days_of_an_exchange() -> None:
    whole = Dataset(name="facts", payload=SILVER_KLINES["1m"].payload, key=("open_time",), folder="x/{symbol}/{day}")
    assert whole.partition_path("simulator-7", DAY) == "x/simulator-7/2024-08-05"
    with pytest.raises(ValueError, match="is no name of an exchange"):
        whole.partition_path("BTCUSDT", DAY)


def test_rows_of_bronze_say_where_they_came_from_and_those_of_silver_carry_flags() -> None:
    bronze = BRONZE_ORDERBOOK
    assert bronze.schema.names == [
        *bronze.payload.names,
        "source",
        "exchange",
        "received_at",
        "topic",
        "partition",
        "offset",
    ]
    assert all(
        dataset.schema is dataset.payload and ("flags" in dataset.schema.names) == (dataset.name != "silver_perpetual")
        for dataset in SILVER
    )


def test_rows_that_could_not_be_used_lie_by_dataset_and_day() -> None:
    assert BRONZE_KLINES["1m"].rejected_path(DAY) == "bronze/_rejected/klines_1m/date=2024-08-05"


def test_each_flag_is_a_bit_of_its_own() -> None:
    assert list(FLAGS.values()) == [2**place for place in range(len(FLAGS))]
