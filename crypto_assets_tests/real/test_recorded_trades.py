"""Trades recorded from the exchange, aggregated here, are the candles that the exchange published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from crypto_assets.binance.archive_tables import parse_klines
from crypto_assets.binance.capture.files import CaptureFile, read_capture
from crypto_assets.cleaning.aggregate import klines_from_trades
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets.spans import Span

MIDNIGHT = datetime(2024, 8, 9, tzinfo=UTC)
RECORDED = Span(MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5))
"""The ten minutes that the recording covers from end to end."""


@pytest.fixture(scope="module")
def aggregated(real_data: Path) -> pl.DataFrame:
    """Candles of the recorded trades."""
    folder = real_data / "recordings" / "spot"
    files = [CaptureFile(name, folder / name) for name in ("btcusdt_20240808.gz", "btcusdt_20240809.gz")]
    tables = read_capture(
        files, symbol="BTCUSDT", market="spot", start=RECORDED.start, end=RECORDED.end, want=[BRONZE_TRADES]
    )
    return frame(klines_from_trades(tables.trades.rows.select(BRONZE_TRADES.payload.names), timeframe="1m"))


@pytest.fixture(scope="module")
def published(real_data: Path) -> pl.DataFrame:
    """The same minutes of the archive's files."""
    folder = real_data / "archive" / "data" / "spot" / "daily" / "klines" / "BTCUSDT" / "1m"
    days = [
        parse_klines(folder / f"BTCUSDT-1m-2024-08-0{day}.zip", timeframe="1m", start=start, end=start + timedelta(1))
        for day, start in ((8, MIDNIGHT - timedelta(days=1)), (9, MIDNIGHT))
    ]
    rows = frame(pa.concat_tables([day.rows for day in days]))
    return rows.filter(pl.col("open_time").is_between(RECORDED.start, RECORDED.end, closed="left"))


def frame(table: pa.Table) -> pl.DataFrame:
    rows = pl.from_arrow(table)
    assert isinstance(rows, pl.DataFrame)
    return rows


def test_recorded_trades_aggregate_to_the_candles_of_the_archive(
    aggregated: pl.DataFrame, published: pl.DataFrame
) -> None:
    assert published.height == 10
    for column in published.columns:
        if column != "close_time":  # the archive prints milliseconds
            assert aggregated[column].to_list() == published[column].to_list(), column
