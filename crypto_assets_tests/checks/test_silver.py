from __future__ import annotations

import io

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.cleaning.gaps import Gap, GapCause, gaps_as_json
from crypto_assets.schemas import FLAGS, SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL
from crypto_assets_tests.assets.small_exchange import day, time
from crypto_assets_tests.checks.conftest import Spoiled
from crypto_assets_tests.checks.spoil import setting, without

KLINES = SILVER_KLINES["1m"]
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def test_a_good_day_passes_every_check_but_freshness(spoiled: Spoiled) -> None:
    for dataset in (*SILVER_KLINES.values(), SILVER_ORDERBOOK, SILVER_PERPETUAL):
        found = spoiled.check(dataset, day(2))
        assert [name for name, e in found.items() if not e.passed] == ["freshness"], dataset.name


def test_a_complete_day_says_how_many_candles_it_has(spoiled: Spoiled) -> None:
    found = spoiled.check(KLINES, day(1))["completeness"]
    assert found.description == "2024-08-01 BTCUSDT: 1,440 of 1,440 candles (100.00 %)."
    assert found.metadata["present"].value == 1440


def test_one_missing_minute_is_within_the_limit_and_two_are_not(spoiled: Spoiled) -> None:
    spoiled.change(KLINES, 1, without(700))
    assert spoiled.check(KLINES, day(1))["completeness"].passed

    spoiled.change(KLINES, 1, without(701))
    found = spoiled.check(KLINES, day(1))["completeness"]
    assert not found.passed
    assert found.severity is ERROR
    assert "1,438 of 1,440 candles (99.86 %)" in str(found.description)
    assert "Materialise bronze_klines_1m of this day again" in str(found.description)


def test_interpolated_minutes_do_not_count_as_candles(spoiled: Spoiled) -> None:
    spoiled.change(KLINES, 1, setting({"flags": FLAGS["filled"]}, row=10))
    spoiled.change(KLINES, 1, setting({"flags": FLAGS["filled"]}, row=20))
    assert not spoiled.check(KLINES, day(1))["completeness"].passed


def test_a_known_halt_is_not_missing(spoiled: Spoiled) -> None:
    halt = gaps_as_json([Gap(time(1, 2), time(1, 5), GapCause.EXCHANGE_HALT)])
    spoiled.change(KLINES, 1, without(*range(120, 300)), gaps=halt)

    found = spoiled.check(KLINES, day(1))["completeness"]

    assert found.passed
    assert "1,260 of 1,260 candles (100.00 %). 180 more are a halt of the exchange" in str(found.description)


def test_a_gap_that_nobody_confirmed_is_missing(spoiled: Spoiled) -> None:
    gap = gaps_as_json([Gap(time(1, 2), time(1, 5), GapCause.NOT_RECEIVED)])
    spoiled.change(KLINES, 1, without(*range(120, 300)), gaps=gap)

    found = spoiled.check(KLINES, day(1))["completeness"]

    assert not found.passed
    assert "Missing: 2024-08-01 02:00-05:00" in str(found.description)


def test_what_had_not_closed_yet_is_not_missing(spoiled: Spoiled) -> None:
    spoiled.change(KLINES, 1, lambda table: table.slice(0, 600), known_until=time(1, 10).isoformat())

    found = spoiled.check(KLINES, day(1))["completeness"]

    assert found.passed
    assert found.metadata["expected"].value == 600


def test_a_contradictory_candle_without_a_flag_is_an_error(spoiled: Spoiled) -> None:
    spoiled.change(KLINES, 1, setting({"high": "1.0"}, row=62))

    found = spoiled.check(KLINES, day(1))["ohlc"]

    assert not found.passed
    assert found.severity is ERROR
    assert "1 candles contradict themselves and carry no flag, the first at 01:02" in str(found.description)


def test_a_contradictory_candle_that_says_so_is_a_warning(spoiled: Spoiled) -> None:
    spoiled.change(KLINES, 1, setting({"high": "1.0", "flags": FLAGS["ohlc_violation"]}, row=62))

    found = spoiled.check(KLINES, day(1))["ohlc"]

    assert not found.passed
    assert found.severity is WARN


def test_a_candle_that_is_not_the_sum_of_its_minutes_is_named(spoiled: Spoiled) -> None:
    spoiled.change(SILVER_KLINES["5m"], 1, setting({"flags": 0, "volume": "0.5"}, row=13))

    found = spoiled.check(SILVER_KLINES["5m"], day(1))["agrees_with_1m"]

    assert not found.passed
    assert found.metadata["disagreeing"].value == 1
    assert "the first at 01:05: volume is 0.5" in str(found.description)


def test_a_column_of_another_type_is_named(spoiled: Spoiled) -> None:
    table = spoiled.lake.read(KLINES, "BTCUSDT", day(1).day)
    assert table is not None
    as_float = table.set_column(5, "volume", table["volume"].cast(pa.float64())).drop_columns(["flags"])
    sink = io.BytesIO()
    pq.write_table(as_float, sink)
    spoiled.overwrite(KLINES, 1, sink.getvalue())

    found = spoiled.check(KLINES, day(1))

    assert not found["schema"].passed
    assert "absent: flags" in str(found["schema"].description)
    assert "volume is double instead of decimal128(28, 8)" in str(found["schema"].description)
    assert not found["ohlc"].passed
    assert "Not looked at" in str(found["ohlc"].description)


def test_a_file_that_is_no_parquet_fails_with_its_name(spoiled: Spoiled) -> None:
    spoiled.overwrite(KLINES, 1, b"cut off")

    assert spoiled.check(KLINES, day(1)) == {}

    assert not spoiled.succeeded
    assert "klines_1m.parquet is no Parquet file" in spoiled.failure


def test_crossed_and_unsorted_books_are_counted(spoiled: Spoiled) -> None:
    levels = {
        f"{side}_{what}_{level}": 1.0 if what == "quantity" else price + sign * level
        for side, price, sign in (("bid", 100.0, -1), ("ask", 101.0, 1))
        for level in range(1, 11)
        for what in ("price", "quantity")
    }
    rows = [{"time": time(1, 0, n), "last_update_id": n, "flags": 0, **levels} for n in range(4)]
    rows[1] |= {"bid_price_1": 102.5}
    rows[2] |= {"ask_price_3": 150.0}
    spoiled.change(SILVER_ORDERBOOK, 1, lambda _: pa.Table.from_pylist(rows, SILVER_ORDERBOOK.schema))

    found = spoiled.check(SILVER_ORDERBOOK, day(1))["levels"]

    assert not found.passed
    assert "1 states are crossed, 1 not sorted, 0 go back in time; the first at 00:01:00" in str(found.description)


def test_a_perpetual_day_without_a_minute_is_an_error(spoiled: Spoiled) -> None:
    spoiled.change(SILVER_PERPETUAL, 1, without(5))
    found = spoiled.check(SILVER_PERPETUAL, day(1))["completeness"]
    assert not found.passed
    assert "1,439 of 1,440 minutes" in str(found.description)


def test_a_range_has_one_result_that_names_the_bad_day(spoiled: Spoiled) -> None:
    spoiled.change(KLINES, 2, without(1, 2, 3))

    found = spoiled.check(KLINES, day(1), day(2))["completeness"]

    assert not found.passed
    assert str(found.description).startswith("1 of 2 days do not pass; 2024-08-02 BTCUSDT: 1,437 of 1,440")
    assert (found.metadata["partitions_checked"].value, found.metadata["partitions_failed"].value) == (2, 1)
    table = found.metadata["failed"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["partition"] for record in table.records] == ["2024-08-02|BTCUSDT"]


def test_checks_started_on_their_own_look_at_the_newest_day(spoiled: Spoiled) -> None:
    found = spoiled.check(KLINES)["completeness"]
    assert str(found.description).startswith("2024-08-02 BTCUSDT")


def test_a_day_that_was_never_made_is_a_warning(spoiled: Spoiled) -> None:
    found = spoiled.check(KLINES, day(9))["completeness"]
    assert not found.passed
    assert found.severity is WARN
