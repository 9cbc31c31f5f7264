"""Faults inside archive files and rows, and incidents of the market, each where it is to be seen."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets_tests.simulator.conftest import Start
from crypto_assets_tests.simulator.reading import archive_rows, figures_of, joined_candles
from crypto_assets_tests.simulator.test_captures import lines

DAY = date(2025, 1, 2)
DAY_MS = 1_735_776_000_000
MINUTES = ArchiveFile.spot_klines("BTCUSDT", "1m", DAY).path
TEN = {"start": "2025-01-02T10:00:00Z", "end": "2025-01-02T10:05:00Z"}
TEN_MS = DAY_MS + 10 * 3_600_000


def with_fault(begin: Start, /, **fault: object) -> TestClient:
    client = begin()
    assert client.post("/simulator/faults", json=fault).status_code == 201
    return client


def over_rest(client: TestClient, **query: object) -> list[list]:
    asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": TEN_MS, "endTime": TEN_MS + 299_999, **query}
    return client.get("/api/v3/klines", params=asked).json()


def sum_matches(client: TestClient) -> bool:
    body = client.get(f"/{MINUTES}").content
    return client.get(f"/{MINUTES}.CHECKSUM").text.startswith(hashlib.sha256(body).hexdigest())


@pytest.fixture(scope="module")
def sound(exchange: TestClient) -> list[list[str]]:
    """The rows of the day without a fault."""
    return archive_rows(exchange, MINUTES)


def test_a_missing_day_is_404_with_its_checksum(start: Start) -> None:
    client = with_fault(start, action="missing_day", day="2025-01-02", dataset="spot/klines")
    assert client.get(f"/{MINUTES}").status_code == 404
    assert client.get(f"/{MINUTES}.CHECKSUM").status_code == 404
    assert len(over_rest(client)) == 5


def test_a_bad_checksum_is_not_that_of_the_zip(start: Start, sound: list[list[str]]) -> None:
    client = with_fault(start, action="bad_checksum", times=1)
    assert not sum_matches(client)
    assert sum_matches(client)
    assert archive_rows(client, MINUTES) == sound


def test_the_checksum_of_another_file_names_that_file(start: Start) -> None:
    client = with_fault(start, action="checksum_of_another_file")
    assert client.get(f"/{MINUTES}.CHECKSUM").text.split()[1] != "BTCUSDT-1m-2025-01-02.zip"


def test_a_truncated_zip_has_the_sum_of_what_is_there_and_does_not_open(start: Start) -> None:
    client = with_fault(start, action="truncated_zip", keep=0.5)
    assert sum_matches(client)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(client.get(f"/{MINUTES}").content))


def test_one_value_of_a_row_is_replaced(start: Start, sound: list[list[str]]) -> None:
    client = with_fault(start, action="malformed_row", row=7, column=2, value="NaN")
    rows = archive_rows(client, MINUTES)
    assert rows[7] == [*sound[7][:2], "NaN", *sound[7][3:]]
    assert rows[:7] + rows[8:] == sound[:7] + sound[8:]
    assert sum_matches(client)


def test_a_whole_row_is_replaced(start: Start) -> None:
    client = with_fault(start, action="malformed_row", row=700, value="open_time,open,high")
    assert archive_rows(client, MINUTES)[700] == ["open_time", "open", "high"]


def test_a_column_too_many_or_too_few(start: Start, sound: list[list[str]]) -> None:
    more = archive_rows(with_fault(start, action="extra_column", value="x"), MINUTES)
    assert more == [[*row, "x"] for row in sound]
    one = archive_rows(with_fault(start, action="extra_column", row=3), MINUTES)
    assert [len(row) for row in one[:5]] == [12, 12, 12, 13, 12]
    less = archive_rows(with_fault(start, action="missing_column"), MINUTES)
    assert less == [row[:-1] for row in sound]


def test_rows_in_reverse_order(start: Start, sound: list[list[str]]) -> None:
    assert archive_rows(with_fault(start, action="unsorted_rows"), MINUTES) == sound[::-1]


def test_an_empty_file_has_not_even_a_header(start: Start) -> None:
    client = with_fault(start, action="empty_file")
    assert archive_rows(client, MINUTES) == []
    assert archive_rows(client, ArchiveFile.metrics("BTCUSDT", DAY).path) == []


def test_a_day_is_published_in_part_and_then_whole_with_another_sum(start: Start, sound: list[list[str]]) -> None:
    client = with_fault(start, action="republished", first_hours=7)
    first_sum = client.get(f"/{MINUTES}.CHECKSUM").text
    assert archive_rows(client, MINUTES) == sound[: 7 * 60]
    assert archive_rows(client, MINUTES) == sound
    assert client.get(f"/{MINUTES}.CHECKSUM").text != first_sum


def test_missing_minutes_are_missing_from_the_archive_and_there_over_rest(start: Start, sound: list[list[str]]) -> None:
    client = with_fault(start, action="missing_minutes", **TEN)
    assert archive_rows(client, MINUTES) == sound[:600] + sound[605:]
    assert len(over_rest(client)) == 5


def test_missing_minutes_may_be_missing_everywhere(start: Start) -> None:
    client = with_fault(start, action="missing_minutes", **TEN, sources=["archive", "rest"])
    assert len(archive_rows(client, MINUTES)) == 1435
    assert over_rest(client) == []


def test_rows_come_twice_with_or_without_a_difference(start: Start, sound: list[list[str]]) -> None:
    agreeing = archive_rows(with_fault(start, action="duplicate_rows", **TEN), MINUTES)
    assert agreeing[600:610] == [row for row in sound[600:605] for _ in range(2)]
    differing = archive_rows(with_fault(start, action="duplicate_rows", **TEN, differing=True), MINUTES)
    assert differing[600] == sound[600]
    assert differing[601][:4] == sound[600][:4]
    assert Decimal(differing[601][4]) - Decimal(sound[600][4]) == Decimal("0.00000001")
    assert len(differing) == 1445


def test_a_page_over_rest_repeats_a_row(start: Start) -> None:
    client = with_fault(start, action="duplicate_rows", **TEN, sources=["rest"])
    assert [row[0] - TEN_MS for row in over_rest(client)] == [60_000 * (n // 2) for n in range(10)]


def test_a_fault_of_one_interval_leaves_the_others(start: Start) -> None:
    client = with_fault(start, action="missing_minutes", **TEN, interval="1m")
    assert len(archive_rows(client, ArchiveFile.spot_klines("BTCUSDT", "5m", DAY).path)) == 288


def test_in_a_halt_nothing_is_traded_whoever_is_asked(start: Start) -> None:
    client = with_fault(start, action="halt", start="2025-01-02T10:00:00Z", end="2025-01-02T12:00:00Z")
    inside = range(TEN_MS * 1000, (TEN_MS + 7_200_000) * 1000)
    minutes = [int(row[0]) for row in archive_rows(client, MINUTES)]
    assert len(minutes) == 1320
    assert not any(time in inside for time in minutes)
    assert over_rest(client) == []
    trades = archive_rows(client, ArchiveFile.spot_trades("BTCUSDT", DAY).path)
    assert not any(int(row[4]) in inside for row in trades)
    for path in ("/recordings/spot/btcusdt_20250102.gz", "/recordings/usdm/btcusdt_20250102.gz"):
        received = [time // 1000 for time, _ in lines(client, path, pace_ms=60_000, streams=_paced(path))]
        assert len(received) == 1320
        assert not any(time in inside for time in received)
    futures = archive_rows(client, ArchiveFile.futures_klines("BTCUSDT", "1m", DAY).path)
    assert len(futures) == 1 + 1320


def _paced(path: str) -> str:
    return "depth10" if "/spot/" in path else "markPrice"


def test_a_flash_crash_is_in_every_interval_and_in_the_trades(start: Start) -> None:
    client = with_fault(
        start, action="flash_crash", symbol="BTCUSDT", start="2025-01-02T10:02:00Z", price=1, duration_s=2
    )
    minutes = archive_rows(client, MINUTES)
    assert min(minutes, key=lambda row: Decimal(row[3])) == minutes[602]
    assert minutes[602][3] == "1.00000000"
    five = archive_rows(client, ArchiveFile.spot_klines("BTCUSDT", "5m", DAY).path)
    assert figures_of(five[120]) == joined_candles(minutes[600:605])
    trades = archive_rows(client, ArchiveFile.spot_trades("BTCUSDT", DAY).path)
    assert any(row[1] == "1.00000000" for row in trades)
    captured = lines(client, "/recordings/spot/btcusdt_20250102.gz", streams="trade")
    assert any(message["data"]["p"] == "1.00000000" for _, message in captured)
    assert over_rest(client)[2][3] == "1.00000000"


def test_without_its_incident_the_market_is_as_it_was(start: Start, sound: list[list[str]]) -> None:
    client = with_fault(start, action="halt", start="2025-01-02T10:00:00Z", end="2025-01-02T12:00:00Z")
    assert archive_rows(client, MINUTES) != sound
    client.delete("/simulator/faults")
    assert archive_rows(client, MINUTES) == sound
