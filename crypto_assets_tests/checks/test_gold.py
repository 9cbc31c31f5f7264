from __future__ import annotations

import math

import dagster as dg
import pyarrow as pa
import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.partitions import DaySymbol
from crypto_assets.schemas import FLAGS, SILVER_KLINES
from crypto_assets_tests.assets.small_exchange import FIRST_DAY, SYMBOLS, day, time
from crypto_assets_tests.checks.conftest import Spoiled
from crypto_assets_tests.checks.spoil import setting, without

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def all_rows(name: str, value: float | bool):
    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field(name)
        return table.set_column(table.column_names.index(name), field, pa.array([value] * table.num_rows, field.type))

    return change


def test_a_good_day_passes_every_check_but_freshness(spoiled: Spoiled) -> None:
    found = spoiled.check(GOLD_FEATURES, day(2))
    assert [name for name, e in found.items() if not e.passed] == ["freshness"]
    assert spoiled.succeeded


def test_a_column_that_knew_the_future_stops_the_run(spoiled: Spoiled) -> None:
    def shifted(table: pa.Table) -> pa.Table:
        field = table.schema.field("roc_1_1m")
        values = table["roc_1_1m"].to_pylist()
        return table.set_column(table.column_names.index("roc_1_1m"), field, pa.array([*values[1:], 0.0]))

    spoiled.change(GOLD_FEATURES, 2, shifted)

    found = spoiled.check(GOLD_FEATURES, day(2))["no_look_ahead"]

    assert not found.passed
    assert found.blocking
    assert found.severity is ERROR
    assert "1 columns do not come out again from what was known (roc_1_1m)" in str(found.description)
    assert not spoiled.succeeded


def test_a_row_for_each_candle(spoiled: Spoiled) -> None:
    spoiled.change(GOLD_FEATURES, 2, without(61))

    found = spoiled.check(GOLD_FEATURES, day(2))["completeness"]

    assert not found.passed
    assert "1,439 rows for 1,440 candles; the first that only one has is 01:01" in str(found.description)


def test_a_candle_that_opens_off_the_grid_needs_no_row(spoiled: Spoiled) -> None:
    opened = time(2, 9, 44).replace(second=54, microsecond=789_000)
    spoiled.change(SILVER_KLINES["1m"], 2, setting({"open_time": opened, "flags": FLAGS["off_grid"]}, row=9 * 60 + 44))
    spoiled.change(GOLD_FEATURES, 2, without(9 * 60 + 44))

    found = spoiled.check(GOLD_FEATURES, day(2))["completeness"]

    assert found.passed
    assert "1,439 rows, one for each candle" in str(found.description)


def test_a_value_outside_its_range_is_named(spoiled: Spoiled) -> None:
    spoiled.change(GOLD_FEATURES, 2, setting({"rsi_14_1m": 101.0}, row=600))

    found = spoiled.check(GOLD_FEATURES, day(2))["ranges"]

    assert not found.passed
    assert "rsi_14_1m: 1 rows outside 0 to 100, worst 101 at 2024-08-02 10:00" in str(found.description)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_warm_row_without_a_value_is_an_error(spoiled: Spoiled, value: float | None) -> None:
    spoiled.change(GOLD_FEATURES, 2, all_rows("warm", True))
    spoiled.change(GOLD_FEATURES, 2, setting({"roc_1_1m": value}, row=600))

    found = spoiled.check(GOLD_FEATURES, day(2))["defined"]

    assert not found.passed
    assert "roc_1_1m" in str(found.description)


def test_a_family_without_source_may_be_null_in_warm_rows(spoiled: Spoiled) -> None:
    gold = spoiled.lake.read(GOLD_FEATURES, "BTCUSDT", day(2).day)
    assert gold is not None
    assert gold["spread_bps"].null_count == 1440

    assert spoiled.check(GOLD_FEATURES, day(2))["defined"].passed


def test_missing_days_before_are_named_with_the_command_that_fills_them(spoiled: Spoiled) -> None:
    earlier = DaySymbol(FIRST_DAY.replace(month=7, day=20), SYMBOLS)

    found = Spoiled(spoiled.lake, earlier).check(GOLD_FEATURES, day(2))["warm"]

    assert not found.passed
    assert found.severity is WARN
    assert "1,440 of 1,440 rows are not warm: 2024-07-29 to 2024-07-31 lack 3 of the 4 days before" in str(
        found.description
    )
    tags = '"dagster/asset_partition_range_start": "2024-07-29|BTCUSDT", "dagster/asset_partition_range_end": '
    assert f"-j medallion --tags '{{{tags}\"2024-07-31|BTCUSDT\"}}'" in str(found.description)


def test_rows_before_history_begins_need_no_day(spoiled: Spoiled) -> None:
    found = spoiled.check(GOLD_FEATURES, day(1))["warm"]
    assert found.passed
    assert "history begins" in str(found.description)


def test_gold_of_a_day_whose_silver_is_gone_is_a_warning(spoiled: Spoiled) -> None:
    spoiled.lake.files.remove(SILVER_KLINES["1m"].partition_path("BTCUSDT", day(2).day))

    found = spoiled.check(GOLD_FEATURES, day(2))

    assert {name: e.severity for name, e in found.items() if not e.passed} == {
        "no_look_ahead": WARN,
        "completeness": WARN,
        "freshness": WARN,
    }
