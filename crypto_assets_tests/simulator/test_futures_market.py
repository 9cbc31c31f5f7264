"""USD-M REST of the market's state: book, prices, open interest and ratios."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from crypto_assets.simulator.clock import Clock
from crypto_assets_tests.simulator.conftest import NOW, Start

NOW_MS = int(NOW.timestamp() * 1000)
PERIOD_MS = 300_000
SWITCH_MS = int(datetime(2026, 6, 25, tzinfo=UTC).timestamp() * 1000)
SWITCH_DAY = Clock.frozen_at(datetime(2026, 6, 25, 0, 12, tzinfo=UTC))


def get(client: TestClient, path: str, **query: object):
    answer = client.get(path, params={"symbol": "BTCUSDT", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_book_has_times_and_the_decimals_of_tick_and_lot(exchange: TestClient) -> None:
    book = get(exchange, "/fapi/v1/depth", limit=5)
    assert list(book) == ["lastUpdateId", "E", "T", "bids", "asks"]
    (trade,) = get(exchange, "/fapi/v1/aggTrades", limit=1)
    assert Decimal(book["bids"][0][0]) <= Decimal(trade["p"]) <= Decimal(book["asks"][0][0])
    assert len(book["bids"][0][0].partition(".")[2]) == len(trade["p"].partition(".")[2])


def test_premium_index_tells_the_rate_paid_last_and_the_next_payment(exchange: TestClient) -> None:
    premium = get(exchange, "/fapi/v1/premiumIndex")
    (paid,) = get(exchange, "/fapi/v1/fundingRate", limit=1)
    assert list(premium) == [
        "symbol", "markPrice", "indexPrice", "estimatedSettlePrice", "lastFundingRate", "interestRate",
        "nextFundingTime", "time",
    ]  # fmt: skip
    assert premium["lastFundingRate"] == paid["fundingRate"]
    assert NOW_MS < premium["nextFundingTime"] <= NOW_MS + 8 * 3_600_000
    assert len(exchange.get("/fapi/v1/premiumIndex").json()) == 2


def test_the_open_mark_price_candle_closes_at_the_mark_price(exchange: TestClient) -> None:
    (candle,) = get(exchange, "/fapi/v1/markPriceKlines", interval="1m", limit=1)
    assert candle[4] == get(exchange, "/fapi/v1/premiumIndex")["markPrice"]


def test_open_interest_now_is_the_last_of_its_history(exchange: TestClient) -> None:
    now = get(exchange, "/fapi/v1/openInterest")
    (last,) = get(exchange, "/futures/data/openInterestHist", period="5m", limit=1)
    assert Decimal(now["openInterest"]) == Decimal(last["sumOpenInterest"])
    assert last["timestamp"] == NOW_MS // PERIOD_MS * PERIOD_MS
    assert len(last["sumOpenInterest"].partition(".")[2]) == 8


def test_open_interest_reaches_back_30_days(exchange: TestClient) -> None:
    reach_ms = NOW_MS - 30 * 86_400_000
    answer = exchange.get(
        "/futures/data/openInterestHist", params={"symbol": "BTCUSDT", "period": "1h", "startTime": reach_ms - 1}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, -1130)
    assert get(exchange, "/futures/data/openInterestHist", period="1h", startTime=reach_ms, limit=1)


def test_labels_of_open_interest_move_to_the_start_of_their_period_on_2026_06_25(start: Start) -> None:
    client = start(clock=SWITCH_DAY)
    found = get(client, "/futures/data/openInterestHist", period="5m", limit=3)
    # Known now are the ends of 23:55, 00:00, 00:05 and 00:10; the one of 00:00 and the one of 00:05 share a label.
    assert [row["timestamp"] - SWITCH_MS for row in found] == [-PERIOD_MS, 0, PERIOD_MS]
    assert Decimal(found[-1]["sumOpenInterest"]) == Decimal(get(client, "/fapi/v1/openInterest")["openInterest"])


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("takerlongshortRatio", ["buySellRatio", "buyVol", "sellVol", "timestamp"]),
        ("globalLongShortAccountRatio", ["symbol", "longShortRatio", "longAccount", "shortAccount", "timestamp"]),
        ("topLongShortAccountRatio", ["symbol", "longShortRatio", "longAccount", "shortAccount", "timestamp"]),
        ("topLongShortPositionRatio", ["symbol", "longShortRatio", "longAccount", "shortAccount", "timestamp"]),
    ],
)
def test_ratios_have_the_exchanges_fields(exchange: TestClient, name: str, fields: list[str]) -> None:
    found = get(exchange, f"/futures/data/{name}", period="15m", limit=2)
    assert [list(row) for row in found] == [fields, fields]
    assert found[1]["timestamp"] - found[0]["timestamp"] == 3 * PERIOD_MS


def test_the_ticker_has_no_book(exchange: TestClient) -> None:
    ticker = get(exchange, "/fapi/v1/ticker/24hr")
    assert not {"bidPrice", "askPrice", "prevClosePrice"} & set(ticker)
    assert ticker["count"] == ticker["lastId"] - ticker["firstId"] + 1
    assert len(exchange.get("/fapi/v1/ticker/24hr").json()) == 2


def test_funding_info_names_the_interval(exchange: TestClient) -> None:
    found = exchange.get("/fapi/v1/fundingInfo").json()
    assert [(row["symbol"], row["fundingIntervalHours"]) for row in found] == [("BTCUSDT", 8), ("ETHUSDT", 8)]
