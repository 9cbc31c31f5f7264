"""Facts of trades recorded from the exchange are the candles that the exchange published of the same minutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crypto_assets.binance.archive_tables import parse_klines
from crypto_assets.binance.capture import CaptureFile, read_capture
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets.spans import Span, day_span
from crypto_assets.warehouse.extract_plan import plan_extract
from crypto_assets.warehouse.facts import time_dimension, trade_facts
from crypto_assets.warehouse.gate import gate_day
from crypto_assets.warehouse.gate_report import GateReport, Rule
from crypto_assets.warehouse.tables import TRADES
from crypto_assets_tests.warehouse.examples import dim_symbol

MIDNIGHT = datetime(2024, 8, 9, tzinfo=UTC)
RECORDED = Span(MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5))
"""The ten minutes that the recording covers from end to end."""
DAYS = [date(2024, 8, 8), date(2024, 8, 9)]


@pytest.fixture(scope="module")
def recorded(real_data: Path) -> pa.Table:
    """The recorded trades of those minutes."""
    folder = real_data / "recordings" / "spot"
    files = [CaptureFile(name, folder / name) for name in ("btcusdt_20240808.gz", "btcusdt_20240809.gz")]
    read = read_capture(
        files, symbol="BTCUSDT", market="spot", start=RECORDED.start, end=RECORDED.end, want=[BRONZE_TRADES]
    )
    rows = read.trades.rows.select(["trade_id", "time", "price", "quantity", "is_buyer_maker"])
    named = rows.rename_columns(["trade_id", "trade_time", "price", "quantity", "is_buyer_maker"])
    return named.add_column(0, "symbol", pa.array(["BTCUSDT"] * rows.num_rows)).cast(TRADES)


@pytest.fixture(scope="module")
def published(real_data: Path) -> pa.Table:
    """The archive's candles of those minutes."""
    folder = real_data / "archive" / "data" / "spot" / "daily" / "klines" / "BTCUSDT" / "1m"
    tables = [
        parse_klines(folder / f"BTCUSDT-1m-{day}.zip", timeframe="1m", start=day_span(day).start, end=day_span(day).end)
        for day in DAYS
    ]
    return within(pa.concat_tables([table.rows for table in tables]), RECORDED, "open_time")


def within(rows: pa.Table, span: Span, column: str) -> pa.Table:
    time = pc.field(column)
    return rows.filter((time >= pa.scalar(span.start)) & (time < pa.scalar(span.end)))


def gate(trades: pa.Table, published: pa.Table, day: date) -> GateReport:
    """The verdict on the recorded part of a day, held against the candles of that part."""
    return gate_day(
        trade_facts(within(trades, day_span(day), "trade_time")),
        day=day,
        dim_time=time_dimension(day),
        dim_symbol=dim_symbol("BTCUSDT"),
        candles={"BTCUSDT": published},
    )


@pytest.mark.parametrize("day", DAYS)
def test_facts_of_recorded_trades_pass_the_gate_with_the_archives_candles(
    recorded: pa.Table, published: pa.Table, day: date
) -> None:
    report = gate(recorded, published, day)
    assert not report.counts, report.violations
    assert report.compared_symbols == ("BTCUSDT",)


def test_facts_of_recorded_trades_are_the_archives_candles(recorded: pa.Table, published: pa.Table) -> None:
    facts, candles = trade_facts(recorded), published.sort_by("open_time")
    assert candles.num_rows == 10
    assert [m.replace(tzinfo=UTC) for m in facts["trade_minute"].to_pylist()] == candles["open_time"].to_pylist()
    for fact, candle in {
        **{"open_price": "open", "max_price": "high", "min_price": "low", "close_price": "close"},
        **{"total_quantity": "volume", "total_trade_value": "quote_volume", "trade_count": "count"},
        **{"taker_buy_quantity": "taker_buy_volume"},
    }.items():
        assert facts[fact].to_pylist() == candles[candle].to_pylist(), fact


@pytest.mark.parametrize("lost", [0, -1])
def test_one_recorded_trade_less_is_found(recorded: pa.Table, published: pa.Table, lost: int) -> None:
    ordered = recorded.sort_by("trade_id")
    trade_id = ordered["trade_id"][lost].as_py()
    day = DAYS[lost]
    report = gate(ordered.filter(pc.field("trade_id") != trade_id), published, day)
    assert report.counts == {Rule.MINUTES_EQUAL_CANDLES: 1, Rule.TOTALS_EQUAL_CANDLES: 1}


@pytest.mark.parametrize("pieces", [2, 288, 1_440])
def test_facts_of_parts_of_the_recording_are_the_facts_of_all(recorded: pa.Table, pieces: int) -> None:
    parts = [
        trade_facts(within(recorded, Span(span.start, span.end), "trade_time"))
        for day in DAYS
        for span in plan_extract(day, ["BTCUSDT"], pieces)
    ]
    assert pa.concat_tables(parts).combine_chunks() == trade_facts(recorded)
