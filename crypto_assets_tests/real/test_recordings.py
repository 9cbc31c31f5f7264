"""Recordings of the real exchange: books rebuilt from them, their trades, and the recorder's clock."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crypto_assets.binance.capture.files import CaptureFile, CaptureTables, read_capture
from crypto_assets.binance.capture.messages import CaptureMarket
from crypto_assets.spans import to_us

MIDNIGHT = datetime(2024, 8, 9, tzinfo=UTC)


class Recording(NamedTuple):
    market: CaptureMarket
    symbol: str
    days: tuple[str, ...]

    def paths(self, folder: Path) -> list[Path]:
        return [folder / "recordings" / self.market / f"{self.symbol.lower()}_{day}.gz" for day in self.days]


BTC = Recording("spot", "BTCUSDT", ("20240808", "20240809"))
ETH = Recording("spot", "ETHUSDT", ("20240808",))
PERPETUAL = Recording("usdm", "BTCUSDT", ("20240808",))
every_recording = pytest.mark.parametrize("recording", [BTC, ETH, PERPETUAL], ids=["btc", "eth", "perpetual"])


@cache
def whole(recording: Recording, folder: Path) -> CaptureTables:
    return read(recording, folder, start=MIDNIGHT - timedelta(days=1), end=MIDNIGHT + timedelta(days=1))


def read(recording: Recording, folder: Path, *, start: datetime, end: datetime) -> CaptureTables:
    files = [CaptureFile(path.name, path) for path in recording.paths(folder)]
    return read_capture(files, symbol=recording.symbol, market=recording.market, start=start, end=end)


def floats(table: pa.Table, *columns: str) -> npt.NDArray[np.float64]:
    return np.column_stack([table[column].to_numpy() for column in columns])


def micros(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    return pc.cast(table[column], pa.int64()).to_numpy()


def messages(paths: list[Path], containing: bytes) -> list[dict[str, Any]]:
    """Messages of the lines that hold these bytes, read without the code under test."""
    lines = b"".join(gzip.decompress(path.read_bytes()) for path in paths).splitlines()
    return [json.loads(line.split(b" ", 1)[1]) for line in lines if containing in line[:60]]


@every_recording
def test_the_rebuilt_book_is_never_lost_and_never_crosses(recording: Recording, real_data: Path) -> None:
    tables = whole(recording, real_data)
    book = tables.orderbook.rows

    assert (tables.book.snapshots, tables.book.snapshots_refused, tables.book.breaks) == (1, 0, 0)
    assert book.num_rows > 3000
    prices = floats(book, *(f"bid_price_{i}" for i in range(10, 0, -1)), *(f"ask_price_{i}" for i in range(1, 11)))
    assert np.all(np.diff(prices, axis=1) > 0), "from the tenth bid to the tenth ask every price is higher"
    assert np.all(np.diff(book["last_update_id"].to_numpy()) > 0)


@every_recording
def test_the_rebuilt_book_agrees_with_the_best_prices_sent_beside_it(recording: Recording, real_data: Path) -> None:
    tickers = [message["data"] for message in messages(recording.paths(real_data), b"@bookTicker")]
    ids = np.array([ticker["u"] for ticker in tickers], np.int64)
    sent = np.array([[float(ticker[key]) for key in "bBaA"] for ticker in tickers])
    (snapshot,) = messages(recording.paths(real_data), b' {"lastUpdateId"')
    lowest, highest = float(snapshot["bids"][-1][0]), float(snapshot["asks"][-1][0])

    tables = whole(recording, real_data)
    book = tables.orderbook.rows
    last_sent = np.searchsorted(ids, book["last_update_id"].to_numpy(), side="right") - 1
    compared = last_sent >= 0
    rebuilt = floats(book, "bid_price_1", "bid_quantity_1", "ask_price_1", "ask_quantity_1")
    equal = (rebuilt == sent[last_sent]).all(axis=1)
    bids, asks = floats(book, "bid_price_10")[:, 0], floats(book, "ask_price_10")[:, 0]
    within_snapshot = (bids >= lowest) & (asks <= highest)

    assert compared.mean() > 0.99
    assert equal[compared & within_snapshot].all()
    # Where the market fell out of the snapshot's 1,000 levels, an order from before it can be missing.
    assert equal[compared].mean() > 0.999
    assert tables.book.states_beyond_snapshot == np.count_nonzero(~within_snapshot)


@every_recording
def test_recorded_trades_are_complete(recording: Recording, real_data: Path) -> None:
    trades = whole(recording, real_data).trades

    assert trades.rejected.num_rows == 0
    assert np.all(np.diff(trades.rows["trade_id"].to_numpy()) == 1)
    assert trades.rows.num_rows > 6000


@every_recording
def test_the_recorders_clock_is_found_to_be_behind(recording: Recording, real_data: Path) -> None:
    tables = whole(recording, real_data)

    assert tables.clock_lag is not None
    assert timedelta(seconds=1.265) < tables.clock_lag < timedelta(seconds=1.280)
    later = micros(tables.orderbook.rows, "time") - micros(tables.orderbook.rows, "received_at")
    assert later.min() >= 1_260_000
    assert np.median(later) < 1_280_000


def test_nothing_of_the_recordings_is_rejected_or_lost_without_a_count(real_data: Path) -> None:
    tables = whole(BTC, real_data)

    assert tables.skipped == {"bookTicker": 28_040 + 45_134}
    assert tables.trades.rows.num_rows == 9_757 + 10_147
    assert tables.orderbook.rejected.num_rows == 0
    # The two changes before the snapshot are older than it; the snapshot itself is a state.
    assert tables.orderbook.rows.num_rows == 3_451 + 3_044 - 2 - 1 + 1


def test_the_book_goes_on_over_midnight_with_the_file_of_the_day_before(real_data: Path) -> None:
    book = whole(BTC, real_data).orderbook.rows
    next_day = read(BTC, real_data, start=MIDNIGHT, end=MIDNIGHT + timedelta(days=1)).orderbook.rows

    assert next_day.equals(book.filter(pc.field("time") >= pa.scalar(MIDNIGHT)))
    first = micros(next_day, "time")[0]
    assert 0 <= first - to_us(MIDNIGHT) < 200_000, "a state within the first 200 ms, received the day before"
