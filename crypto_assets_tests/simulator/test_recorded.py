"""Recorded files served like an exchange: as they are, with REST rows read from them, and nothing invented."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.clock import Clock
from crypto_assets_tests.simulator.conftest import Start

DAY = date(2025, 1, 2)
DAY_MS = 1_735_776_000_000
HELD = (
    ArchiveFile.spot_klines("BTCUSDT", "1m", DAY),
    ArchiveFile.spot_klines("BTCUSDT", "1m", date(2025, 1, 1)),
    ArchiveFile.spot_trades("BTCUSDT", DAY),
    ArchiveFile.spot_agg_trades("BTCUSDT", DAY),
    ArchiveFile.futures_klines("BTCUSDT", "5m", DAY),
    ArchiveFile.futures_klines("BTCUSDT", "5m", DAY, kind="markPriceKlines"),
)
MINUTES = {"symbol": "BTCUSDT", "interval": "1m"}


@pytest.fixture(scope="module")
def folder(exchange: TestClient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that a simulated exchange handed out."""
    root = tmp_path_factory.mktemp("replay")
    for file in HELD:
        path = root / "archive" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(exchange.get(f"/{file.path}").content)
    capture = root / "recordings" / "spot" / "btcusdt_20250102.gz"
    capture.parent.mkdir(parents=True)
    capture.write_bytes(gzip.compress(b"1 {}\n"))
    return root


@pytest.fixture
def replay(folder: Path, start: Start) -> TestClient:
    return start(replay=folder)


def same(one: TestClient, other: TestClient) -> Callable[..., bool]:
    def compare(path: str, **query: object) -> bool:
        answers = [client.get(path, params=query) for client in (one, other)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        return len(answers[0].json()) > 0

    return compare


def test_rest_rows_are_those_that_the_files_were_made_of(exchange: TestClient, replay: TestClient) -> None:
    equal = same(exchange, replay)
    assert equal("/api/v3/klines", **MINUTES, startTime=DAY_MS, limit=1000)
    assert equal("/api/v3/klines", **MINUTES, startTime=DAY_MS - 120_000, endTime=DAY_MS + 120_000)
    assert equal("/api/v3/klines", **MINUTES, endTime=DAY_MS + 3_600_000, limit=700)
    assert equal("/api/v3/aggTrades", symbol="BTCUSDT", startTime=DAY_MS, limit=1000)
    assert equal("/fapi/v1/klines", symbol="BTCUSDT", interval="5m", startTime=DAY_MS, limit=288)
    assert equal("/fapi/v1/markPriceKlines", symbol="BTCUSDT", interval="5m", startTime=DAY_MS, limit=288)


def test_trades_by_id_are_those_that_the_files_were_made_of(exchange: TestClient, replay: TestClient) -> None:
    query = {"symbol": "BTCUSDT", "startTime": DAY_MS, "limit": 1}
    (first,) = replay.get("/api/v3/aggTrades", params=query).json()
    equal = same(exchange, replay)
    assert equal("/api/v3/aggTrades", symbol="BTCUSDT", fromId=first["a"] + 500, limit=1000)
    assert equal("/api/v3/historicalTrades", symbol="BTCUSDT", fromId=first["f"] + 500, limit=1000)


def test_trades_by_id_go_on_over_files_and_end_with_the_last(exchange: TestClient, replay: TestClient) -> None:
    query = {"symbol": "BTCUSDT", "startTime": DAY_MS + 86_399_000, "limit": 1000}
    last = replay.get("/api/v3/aggTrades", params=query).json()[-1]
    found = replay.get("/api/v3/aggTrades", params={"symbol": "BTCUSDT", "fromId": last["a"] - 2, "limit": 1000}).json()
    assert [row["a"] for row in found] == [last["a"] - 2, last["a"] - 1, last["a"]]


def test_a_book_is_the_last_snapshot_that_was_recorded(folder: Path, tmp_path: Path, start: Start) -> None:
    book = {"lastUpdateId": 7, "bids": [["2", "1"], ["1", "1"]], "asks": [["3", "1"], ["4", "1"]]}
    capture = tmp_path / "recordings" / "spot" / "btcusdt_20250102.gz"
    capture.parent.mkdir(parents=True)
    capture.write_bytes(gzip.compress(f"{DAY_MS * 1_000_000} {json.dumps(book)}\n".encode()))
    answer = start(replay=tmp_path).get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 1})
    assert answer.json() == {"lastUpdateId": 7, "bids": [["2", "1"]], "asks": [["3", "1"]]}


def test_files_are_served_as_they_are(replay: TestClient, folder: Path) -> None:
    for path in (HELD[0].path, "recordings/spot/btcusdt_20250102.gz"):
        on_disk = folder / ("archive" if path.startswith("data/") else "") / path
        answer = replay.get(f"/{path}", params={"pace_ms": 1000})
        assert answer.content == on_disk.read_bytes()
        part = replay.get(f"/{path}", headers={"Range": "bytes=10-", "If-Range": answer.headers["ETag"]})
        assert (part.status_code, part.content) == (206, answer.content[10:])


@pytest.mark.parametrize(
    "path",
    [
        f"/{HELD[0].path}.CHECKSUM",  # not in the folder, so not made up
        f"/{ArchiveFile.spot_klines('BTCUSDT', '1m', date(2025, 1, 3)).path}",
        "/recordings/spot/btcusdt_20250103.gz",
        "/data/spot",
        "/data/%2e%2e/%2e%2e/recordings/spot/btcusdt_20250102.gz",
        "/recordings/%2e%2e/archive/" + HELD[0].path,
        "/api/v3/depth?symbol=BTCUSDT",
        "/api/v3/ticker/24hr?symbol=BTCUSDT",
        "/fapi/v1/openInterest?symbol=BTCUSDT",
    ],
)
def test_what_the_folder_does_not_hold_is_404(replay: TestClient, path: str) -> None:
    assert replay.get(path).status_code == 404


def test_rows_that_the_folder_does_not_hold_are_an_empty_list(replay: TestClient) -> None:
    other_interval = {"symbol": "BTCUSDT", "interval": "5m", "startTime": DAY_MS}
    assert replay.get("/api/v3/klines", params=other_interval).json() == []
    other_day = {**MINUTES, "startTime": DAY_MS + 86_400_000}
    assert replay.get("/api/v3/klines", params=other_day).json() == []
    assert replay.get("/fapi/v1/fundingRate", params={"symbol": "BTCUSDT"}).json() == []


def test_symbols_are_those_that_the_folder_holds(replay: TestClient) -> None:
    assert replay.get("/api/v3/klines", params={**MINUTES, "symbol": "ETHUSDT"}).json()["code"] == -1121
    (listed,) = replay.get("/api/v3/exchangeInfo").json()["symbols"]
    assert (listed["symbol"], listed["baseAsset"], listed["quoteAsset"]) == ("BTCUSDT", "BTC", "USDT")
    assert replay.get("/health").json()["mode"] == "replay"


def test_the_clock_hides_what_comes_later(folder: Path, start: Start) -> None:
    now = Clock(lambda: (DAY_MS + 90_000) * 1000)
    found = start(replay=folder, clock=now).get("/api/v3/klines", params={**MINUTES, "limit": 2}).json()
    assert [row[0] for row in found] == [DAY_MS, DAY_MS + 60_000]


def test_faults_of_rows_and_connections_work_on_recorded_days_and_incidents_do_not(replay: TestClient) -> None:
    halt = {"action": "halt", "start": "2025-01-02T10:00:00Z", "end": "2025-01-02T12:00:00Z"}
    assert replay.post("/simulator/faults", json=halt).status_code == 400
    missing = {**halt, "action": "missing_minutes", "sources": ["rest"]}
    assert replay.post("/simulator/faults", json=missing).status_code == 201
    query = {**MINUTES, "startTime": DAY_MS + 36_000_000, "endTime": DAY_MS + 43_199_999}
    assert replay.get("/api/v3/klines", params=query).json() == []


def test_a_folder_without_recorded_files_is_refused(tmp_path: Path, start: Start) -> None:
    with pytest.raises(ConfigurationError, match="neither archive/ nor recordings/"):
        start(replay=tmp_path)


def test_a_file_added_later_is_served_and_read(folder: Path, start: Start, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    held = tmp_path / "copy" / "archive" / HELD[1].path
    aside = held.rename(tmp_path / held.name)
    client = start(replay=tmp_path / "copy")
    query = {**MINUTES, "startTime": DAY_MS - 60_000, "endTime": DAY_MS - 1}
    assert client.get("/api/v3/klines", params=query).json() == []
    aside.rename(held)
    assert client.get(f"/{HELD[1].path}").status_code == 200
    assert len(client.get("/api/v3/klines", params=query).json()) == 1


def test_real_days_are_served_to_the_row(real_data: Path, start: Start) -> None:
    client = start(replay=real_data, clock=Clock.real())
    outage_ms, halt_ms = 1_518_048_000_000, 1_608_508_800_000  # 2018-02-08, 2020-12-21
    for first_ms, days, rows in ((outage_ms, 1, 29), (outage_ms, 4, 29 + 840 + 1425 + 1406), (halt_ms, 1, 1188)):
        found, cursor, end = [], first_ms, first_ms + days * 86_400_000 - 1
        while page := client.get("/api/v3/klines", params={
            **MINUTES, "startTime": cursor, "endTime": end, "limit": 1000,
        }).json():  # fmt: skip
            found += page
            cursor = page[-1][0] + 1
        assert len(found) == rows
    seam = client.get("/api/v3/klines", params={**MINUTES, "startTime": 1_735_689_600_000 - 60_000, "limit": 2}).json()
    assert [(row[0], row[6]) for row in seam] == [
        (1_735_689_540_000, 1_735_689_599_999),
        (1_735_689_600_000, 1_735_689_659_999),
    ]
    fine = client.get(
        "/api/v3/klines",
        params={**MINUTES, "startTime": 1_735_689_540_000, "limit": 1},
        headers={"X-MBX-TIME-UNIT": "MICROSECOND"},
    ).json()
    assert (fine[0][0], fine[0][6]) == (1_735_689_540_000_000, 1_735_689_599_999_999)
    zipped = "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08-01.zip"
    for suffix in ("", ".CHECKSUM"):
        assert client.get(f"/{zipped}{suffix}").content == (real_data / "archive" / f"{zipped}{suffix}").read_bytes()
