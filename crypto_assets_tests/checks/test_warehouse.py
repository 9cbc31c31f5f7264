"""The gate's verdict on published days, and what the checks make of several of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from crypto_assets.checks.findings import as_result
from crypto_assets.checks.warehouse import findings_of
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.partitions import WholeDay
from crypto_assets.schemas import BRONZE_KLINES, FLAGS, SILVER_KLINES
from crypto_assets.warehouse.facts import time_dimension, trade_facts
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, TRADES
from crypto_assets.warehouse.verdict import CANDLES_PRESENT, RULES, Verdict, judge_day, read_verdict

DAY = date(2024, 8, 8)
NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
GOOD = Verdict("v1", 3, {}, {}, ("BTCUSDT",))
BAD = Verdict("v2", 3, {"no_nulls": "no_nulls: BTCUSDT 12:00: vwap is null"}, {"no_nulls": 1}, ("BTCUSDT",))


@pytest.fixture
def store(tmp_path: Path) -> WarehouseStore:
    return WarehouseStore(str(tmp_path / "warehouse"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def trade(number: int, *, price: str = "60000.01", quantity: str = "0.5", minute: int = 0) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "trade_id": number,
        "trade_time": NOON + timedelta(minutes=minute, seconds=number),
        "price": Decimal(price),
        "quantity": Decimal(quantity),
        "is_buyer_maker": True,
    }


def publish(store: WarehouseStore, *trades: dict[str, Any], dimensions: bool = True) -> None:
    store.publish(FACT_TRADES, DAY, trade_facts(pa.Table.from_pylist(list(trades), schema=TRADES)))
    if dimensions:
        store.publish(DIM_TIME, DAY, time_dimension(DAY))
        symbol = {"symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT"}
        store.publish(DIM_SYMBOL, DAY, pa.Table.from_pylist([symbol], schema=DIM_SYMBOL.schema))


def put_candle(lake: Lake, *, price: str = "60000.01", count: int = 1, flags: int = 0) -> None:
    """The candle of noon, of trades of half a coin each at one price."""
    volume = Decimal("0.5") * count
    row = {
        "open_time": NOON,
        "close_time": NOON + timedelta(milliseconds=59_999),
        **dict.fromkeys(("open", "high", "low", "close"), Decimal(price)),
        "volume": volume,
        "quote_volume": volume * Decimal(price),
        "count": count,
        "taker_buy_volume": Decimal(0),
        "taker_buy_quote_volume": Decimal(0),
        "flags": flags,
        "source": "archive",
    }
    table = pa.Table.from_pylist([row], schema=SILVER_KLINES["1m"].schema)
    lake.publish(SILVER_KLINES["1m"], "BTCUSDT", DAY, table)


def judge(store: WarehouseStore, lake: Lake) -> Verdict:
    verdict = judge_day(store, lake, DAY, symbols=["BTCUSDT"])
    assert verdict is not None
    return verdict


def test_facts_that_equal_their_candles_pass(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1))
    put_candle(lake)
    verdict = judge(store, lake)
    assert (verdict.passed, verdict.rows, verdict.compared) == (True, 1, ("BTCUSDT",))


def test_a_verdict_is_of_the_rows_that_were_judged_and_of_no_others(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1))
    put_candle(lake)
    verdict = judge(store, lake)
    assert read_verdict(store, DAY, data_version=verdict.data_version) == verdict
    publish(store, trade(1), trade(2))
    manifest = store.manifest(FACT_TRADES, DAY)
    assert manifest is not None
    assert read_verdict(store, DAY, data_version=manifest.data_version) is None


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (trade(2, price="0"), "above_zero"),
        (trade(2, quantity="-0.5"), "above_zero"),
        (trade(2, price="59999"), "minutes_equal_candles"),
        (trade(2, minute=5), "minutes_complete"),
    ],
)
def test_a_trade_that_cannot_be_is_named_with_its_minute(
    store: WarehouseStore, lake: Lake, bad: dict[str, Any], rule: str
) -> None:
    publish(store, trade(1), bad)
    put_candle(lake, count=2)
    verdict = judge(store, lake)
    assert not verdict.passed
    assert f"BTCUSDT 12:{bad['trade_time'].minute:02d}" in verdict.broken[rule]


def test_a_trade_that_postgres_has_not_is_a_minute_that_lacks(store: WarehouseStore, lake: Lake) -> None:
    publish(store)
    put_candle(lake)
    assert "BTCUSDT 12:00" in judge(store, lake).broken["minutes_complete"]


def test_facts_without_candles_do_not_pass_for_nothing_was_compared(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1))
    assert judge(store, lake).broken == {
        CANDLES_PRESENT: "candles_present: the lake has none; materialise silver_klines_1m of 2024-08-08|BTCUSDT"
    }


def test_a_day_without_trades_and_candles_passes(store: WarehouseStore, lake: Lake) -> None:
    publish(store)
    assert judge(store, lake).passed


def test_a_dimension_that_was_never_written_covers_nothing(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1), dimensions=False)
    put_candle(lake)
    assert set(judge(store, lake).broken) == {"dimensions_cover"}


def test_an_interpolated_candle_is_not_what_facts_must_equal(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1))
    put_candle(lake, price="1", flags=FLAGS["filled"])
    assert "minutes_equal_candles" not in judge(store, lake).broken


def test_a_verdict_tells_of_every_rule_how_often_it_is_broken(store: WarehouseStore, lake: Lake) -> None:
    publish(store, *(trade(number, price="0", minute=number) for number in range(7)), dimensions=False)
    verdict = judge(store, lake)
    assert list(verdict.broken) == ["above_zero", "dimensions_cover", CANDLES_PRESENT]
    assert verdict.counts == {"above_zero": 7, "dimensions_cover": 8, CANDLES_PRESENT: 1}
    assert verdict.broken["above_zero"] == (
        "above_zero: "
        + ", ".join(
            f"BTCUSDT 12:0{minute}: min_price is 0.00000000, total_trade_value is 0.0000000000000000"
            for minute in range(5)
        )
        + ", and 2 more"
    )
    assert verdict.why_not == "; ".join(verdict.broken.values()) + "."
    assert (verdict.rows, verdict.compared) == (7, ())


def test_a_day_that_was_never_published_has_no_verdict(store: WarehouseStore, lake: Lake) -> None:
    assert judge_day(store, lake, DAY, symbols=["BTCUSDT"]) is None
    assert read_verdict(store, DAY, data_version="v1") is None


def test_candles_of_bronze_stand_in_where_silver_has_none(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1))
    put_candle(lake)
    silver = lake.read(SILVER_KLINES["1m"], "BTCUSDT", DAY)
    assert silver is not None
    dataset = BRONZE_KLINES["1m"]
    provenance = {"source": "archive", "exchange": "binance", "received_at": NOON}
    provenance |= dict.fromkeys(("topic", "partition", "offset"))
    (candle,) = silver.to_pylist()
    bronze = pa.Table.from_pylist([candle | provenance], schema=dataset.schema)
    parts = lake.write_part(dataset, "BTCUSDT", DAY, bronze, source="archive", origin="zip", version="v1")
    lake.publish_manifest(dataset, "BTCUSDT", DAY, Manifest(parts=tuple(parts)))
    lake.publish(SILVER_KLINES["1m"], "BTCUSDT", DAY, silver.slice(0, 0))
    assert judge(store, lake).compared == ("BTCUSDT",)


def test_symbols_that_are_asked_for_need_candles_only_where_they_have_facts(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1), {**trade(2), "symbol": "ETHUSDT"})
    verdict = judge_day(store, lake, DAY, symbols=["BNBUSDT"])
    assert verdict is not None
    assert verdict.broken[CANDLES_PRESENT] == (
        "candles_present: the lake has none; materialise silver_klines_1m of 2024-08-08|BTCUSDT, 2024-08-08|ETHUSDT"
    )
    assert verdict.counts[CANDLES_PRESENT] == 2


def test_a_verdict_lies_beside_its_day(store: WarehouseStore, lake: Lake, tmp_path: Path) -> None:
    publish(store, trade(1))
    judge(store, lake)
    assert (tmp_path / "warehouse" / "_verdicts" / "fact_trades" / "2024-08-08.json").exists()


def test_a_day_alone_that_fails_is_an_error_that_stops_the_run() -> None:
    result = as_result(
        dg.AssetCheckKey(dg.AssetKey(FACT_TRADES.name), "no_nulls"), findings_of("no_nulls", {WholeDay(DAY): BAD})
    )
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert result.description == "2024-08-08: no_nulls: BTCUSDT 12:00: vwap is null. The day is not loaded."


def test_beside_a_day_that_passes_a_failed_one_does_not_stop_the_run() -> None:
    days = {WholeDay(DAY): GOOD, WholeDay(DAY + timedelta(days=1)): BAD, WholeDay(DAY + timedelta(days=2)): None}
    result = as_result(dg.AssetCheckKey(dg.AssetKey(FACT_TRADES.name), "no_nulls"), findings_of("no_nulls", days))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.metadata["partitions_failed"].value == 2
    other = as_result(
        dg.AssetCheckKey(dg.AssetKey(FACT_TRADES.name), "keys_unique"), findings_of("keys_unique", {WholeDay(DAY): BAD})
    )
    assert other.passed


def test_every_rule_that_a_verdict_may_break_has_a_check(store: WarehouseStore, lake: Lake) -> None:
    publish(store, trade(1, price="0", quantity="-1"), trade(2, minute=3), dimensions=False)
    put_candle(lake, count=7)
    assert set(judge(store, lake).broken) <= set(RULES)
