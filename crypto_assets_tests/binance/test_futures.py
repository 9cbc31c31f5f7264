"""The USD-M client: what differs from spot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_assets.binance.futures import FuturesClient
from crypto_assets.binance.http import Http
from crypto_assets.binance.rate_limit import FUNDING_REQUESTS, SharedLimits
from crypto_assets.schemas import BRONZE_FUNDING_RATE, BRONZE_KLINES, BRONZE_OPEN_INTEREST
from crypto_assets.spans import from_us
from crypto_assets_tests.binance.clocks import FakeClock
from crypto_assets_tests.binance.local_server import LocalServer
from crypto_assets_tests.binance.rest_exchange import MINUTE_MS, kline, serve, serve_time

START = datetime(2024, 8, 1, tzinfo=UTC)
DAY = timedelta(days=1)
START_MS = 1_722_470_400_000
FUNDING = "/fapi/v1/fundingRate"
HISTORY = "/futures/data/openInterestHist"


@pytest.fixture
def client(server: LocalServer, http: Http) -> FuturesClient:
    serve_time(server, "/fapi/v1/time", START_MS + 1000 * 86_400_000)
    return FuturesClient(server.url, http=http)


@pytest.mark.parametrize(
    ("method", "path", "names_symbol"),
    [
        ("mark_price_klines", "/fapi/v1/markPriceKlines", "symbol"),
        ("index_price_klines", "/fapi/v1/indexPriceKlines", "pair"),
    ],
)
def test_a_day_of_candles_of_every_price_takes_one_page(
    server: LocalServer, client: FuturesClient, method: str, path: str, names_symbol: str
) -> None:
    rows = [kline(START_MS + n * MINUTE_MS, price="-0.00012345") for n in range(1500)]
    serve(server, path, rows, time=lambda row: row[0])
    parsed = getattr(client, method)("BTCUSDT", "1m", START, START + DAY)
    assert parsed.rows.schema.equals(BRONZE_KLINES["1m"].payload)
    assert parsed.rows["open_time"].to_pylist() == [START + timedelta(minutes=n) for n in range(1440)]
    assert parsed.rows["open"].to_pylist()[0] == Decimal("-0.00012345")
    assert server.paths().count(path) == 1
    assert (server.asked[-1].query[names_symbol], server.asked[-1].query["limit"]) == ("BTCUSDT", "1440")


def funding(ms: int, **more: object) -> dict[str, object]:
    return {"symbol": "BTCUSDT", "fundingRate": "-0.00010000", "fundingTime": ms, "markPrice": "64000.5"} | more


def test_funding_keeps_its_jitter_and_blank_marks_and_ignores_new_fields(
    server: LocalServer, client: FuturesClient
) -> None:
    rows = [funding(START_MS + 7, markPrice="", rateType="Regular"), funding(START_MS + 8 * 3_600_000 + 1)]
    serve(server, FUNDING, rows, time=lambda row: row["fundingTime"])
    parsed = client.funding_rates("BTCUSDT", START, START + DAY)
    assert parsed.rows.schema.equals(BRONZE_FUNDING_RATE.payload)
    assert [list(row.values()) for row in parsed.rows.to_pylist()] == [
        [START + timedelta(milliseconds=7), Decimal("-0.0001"), None, None],
        [START + timedelta(hours=8, milliseconds=1), Decimal("-0.0001"), Decimal("64000.5"), None],
    ]


def test_funding_of_years_is_paged(server: LocalServer, client: FuturesClient) -> None:
    rows = [funding(START_MS + n * 8 * 3_600_000) for n in range(2500)]
    serve(server, FUNDING, rows, time=lambda row: row["fundingTime"])
    parsed = client.funding_rates("BTCUSDT", START, from_us((START_MS + 2400 * 8 * 3_600_000) * 1000))
    assert parsed.rows["funding_time"].to_pylist() == [START + n * timedelta(hours=8) for n in range(2400)]


def test_requests_that_no_header_counts_are_counted_here(
    server: LocalServer, client: FuturesClient, clock: FakeClock, tmp_path: Path
) -> None:
    serve(server, FUNDING, [], time=lambda row: row["fundingTime"])
    SharedLimits(tmp_path / "limits", clock=clock).observe(server.url[7:], FUNDING_REQUESTS, used=448)
    for _ in range(3):
        client.funding_rates("BTCUSDT", START, START + DAY)
    assert clock.slept == [300.0]


def interest(ms: int) -> dict[str, object]:
    return {
        "symbol": "BTCUSDT",
        "sumOpenInterest": "20403.12345678",
        "sumOpenInterestValue": "176196512.123456789012345678",
        "CMCCirculatingSupply": "165880.538",
        "timestamp": ms,
    }


def test_open_interest_of_a_span_is_whole_and_exact(server: LocalServer, client: FuturesClient) -> None:
    rows = [interest(START_MS + n * 300_000) for n in range(-10, 2000)]
    serve(server, HISTORY, rows, time=lambda row: row["timestamp"])
    parsed = client.open_interest_history("BTCUSDT", START, START + 5 * DAY)
    assert parsed.rows.schema.equals(BRONZE_OPEN_INTEREST.payload)
    assert parsed.rows["time"].to_pylist() == [START + n * timedelta(minutes=5) for n in range(5 * 288)]
    assert parsed.rows["label"].to_pylist() == parsed.rows["time"].to_pylist()
    assert parsed.rows["open_interest_value"].to_pylist()[0] == Decimal("176196512.123456789012345678")
    assert all(int(asked.query["limit"]) == 500 for asked in server.asked)


def test_open_interest_is_known_five_minutes_after_its_label_since_the_labels_changed(
    server: LocalServer, client: FuturesClient
) -> None:
    start = datetime(2026, 7, 1, tzinfo=UTC)
    first = int(start.timestamp()) * 1000
    rows = [interest(first + n * 300_000) for n in range(-10, 300)]
    serve(server, HISTORY, rows, time=lambda row: row["timestamp"])
    parsed = client.open_interest_history("BTCUSDT", start, start + timedelta(hours=1))
    assert parsed.rows["time"].to_pylist() == [start + n * timedelta(minutes=5) for n in range(12)]
    assert parsed.rows["label"].to_pylist()[0] == start - timedelta(minutes=5)
