"""Capture files: lines as a recorder writes them, which agree with archive and REST."""

from __future__ import annotations

import gzip
import io
import itertools
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from starlette.testclient import TestClient

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.binance.capture.files import CaptureFile, read_capture
from crypto_assets.simulator.clock import Clock
from crypto_assets_tests.simulator.conftest import Start
from crypto_assets_tests.simulator.reading import archive_rows

DAY = date(2025, 1, 2)
SPOT = "/recordings/spot/btcusdt_20250102.gz"
USDM = "/recordings/usdm/btcusdt_20250102.gz"
DAY_NS = 1_735_776_000_000_000_000


def lines(client: TestClient, path: str, **query: object) -> list[tuple[int, dict]]:
    """Receive time and message of each line."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found = []
    for line in gzip.decompress(answer.content).splitlines():
        received, _, message = line.partition(b" ")
        found.append((int(received), msgspec.json.decode(message)))
    return found


def test_a_book_comes_at_the_pace_that_is_asked_for(exchange: TestClient) -> None:
    books = lines(exchange, SPOT, streams="depth10", pace_ms=10_000)
    assert len(books) == 8_640
    assert {later[0] - earlier[0] for earlier, later in itertools.pairwise(books)} == {10 * 10**9}
    first = books[0][1]
    assert first["stream"] == "btcusdt@depth10@100ms"
    assert list(first["data"]) == ["lastUpdateId", "bids", "asks"]
    assert [len(first["data"][side]) for side in ("bids", "asks")] == [10, 10]
    assert books[0][0] // 10**9 == DAY_NS // 10**9


def test_the_book_of_a_capture_is_the_one_of_rest(start: Start) -> None:
    moment = datetime(2025, 1, 2, 12, tzinfo=UTC)
    rest = start(clock=Clock.frozen_at(moment)).get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 10}).json()
    later = start()
    books = {received // 10**9: message for received, message in lines(later, SPOT, streams="depth10", pace_ms=60_000)}
    assert books[int(moment.timestamp())]["data"] == rest


def test_the_trades_of_a_capture_are_those_of_the_archive(exchange: TestClient) -> None:
    trades = [message["data"] for _, message in lines(exchange, SPOT, streams="trade")]
    rows = archive_rows(exchange, ArchiveFile.spot_trades("BTCUSDT", DAY).path)
    assert list(trades[0]) == ["e", "E", "s", "t", "p", "q", "T", "m", "M"]
    assert [(str(t["t"]), t["p"], t["q"], t["T"], str(t["m"])) for t in trades] == [
        (row[0], row[1], row[2], int(row[4]) // 1000, row[5]) for row in rows
    ]


def test_everything_comes_in_the_order_of_its_receipt(exchange: TestClient) -> None:
    for path, asked, streams in (
        (SPOT, "", {b"btcusdt@depth10@100ms", b"btcusdt@trade"}),
        (SPOT, "bookTicker,trade,depth10", {b"btcusdt@bookTicker", b"btcusdt@depth10@100ms", b"btcusdt@trade"}),
        (USDM, "", {b"btcusdt@markPrice@1s", b"btcusdt@forceOrder"}),
        (USDM, "aggTrade", {b"btcusdt@aggTrade"}),
    ):
        content = exchange.get(path, params={"pace_ms": 10_000, "streams": asked}).content
        found = gzip.decompress(content).splitlines()
        received = [int(line[:19]) for line in found]
        assert received == sorted(received)
        assert {line[:80].split(b'"')[3] for line in found} == streams


def test_a_best_price_is_told_when_it_changes_only(exchange: TestClient) -> None:
    found = [message["data"] for _, message in lines(exchange, SPOT, streams="bookTicker", pace_ms=1_000)]
    assert list(found[0]) == ["u", "s", "b", "B", "a", "A"]
    best = [(t["b"], t["B"], t["a"], t["A"]) for t in found[:3_000]]
    assert all(earlier != later for earlier, later in itertools.pairwise(best))


def test_mark_prices_come_once_a_second_with_the_running_rate(exchange: TestClient) -> None:
    found = lines(exchange, USDM, streams="markPrice", pace_ms=100)
    assert len(found) == 86_400
    data = found[0][1]["data"]
    assert found[0][1]["stream"] == "btcusdt@markPrice@1s"
    assert list(data) == ["e", "E", "s", "p", "i", "P", "r", "ap", "T", "st"]
    assert data["E"] == DAY_NS // 10**6


def test_the_platform_reads_a_capture_without_rejecting_a_line(exchange: TestClient) -> None:
    start = datetime(2025, 1, 2, tzinfo=UTC)
    for market, path in (("spot", SPOT), ("usdm", USDM)):
        file = CaptureFile(path, io.BytesIO(exchange.get(path, params={"pace_ms": 60_000}).content))
        found = read_capture([file], symbol="BTCUSDT", market=market, start=start, end=start + timedelta(days=1))
        tables = (found.orderbook, found.trades) if market == "spot" else (found.mark_price, found.liquidations)
        assert [table.rejected.num_rows for table in tables] == [0, 0]
        assert tables[0].rows.num_rows == 1_440


@pytest.mark.parametrize(
    "path",
    [
        "/recordings/spot/btcusdt_20250103.gz",  # today: the recorder is still writing it
        "/recordings/spot/btcusdt_20170801.gz",
        "/recordings/spot/nosuch_20250102.gz",
        "/recordings/spot/BTCUSDT_20250102.gz",
        "/recordings/spot/btcusdt_2025-01-02.gz",
        "/recordings/options/btcusdt_20250102.gz",
        "/recordings/spot/btcusdt_20250102.txt",
    ],
)
def test_what_was_not_captured_is_404(exchange: TestClient, path: str) -> None:
    assert exchange.get(path).status_code == 404


@pytest.mark.parametrize("query", [{"pace_ms": 50}, {"pace_ms": 150}, {"pace_ms": 120_000}, {"streams": "kline"}])
def test_a_pace_or_stream_that_cannot_be_is_refused(exchange: TestClient, query: dict[str, object]) -> None:
    answer = exchange.get(SPOT, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, -1130)
