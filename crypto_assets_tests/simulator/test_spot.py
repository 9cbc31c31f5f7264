"""Spot REST: the exchange's shapes, ends, limits and refusals."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from crypto_assets_tests.simulator.conftest import NOW
from crypto_assets_tests.simulator.reading import candle_of_trades, figures_of, joined_candles

DAY_MS = 1_735_776_000_000  # 2025-01-02 00:00 UTC
NOW_MS = int(NOW.timestamp() * 1000)
EIGHT_DECIMALS = re.compile(r"\d+\.\d{8}")


def get(client: TestClient, path: str, **query: object) -> list:
    answer = client.get(path, params={"symbol": "BTCUSDT", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_candle_is_an_array_of_twelve_with_amounts_as_text_of_eight_decimals(exchange: TestClient) -> None:
    (candle,) = get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS, limit=1)
    assert len(candle) == 12
    assert (candle[0], candle[6], candle[11]) == (DAY_MS, DAY_MS + 59_999, "0")
    assert isinstance(candle[8], int)
    assert all(EIGHT_DECIMALS.fullmatch(candle[n]) for n in (1, 2, 3, 4, 5, 7, 9, 10))


def test_both_ends_of_a_time_range_are_inclusive(exchange: TestClient) -> None:
    found = get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS, endTime=DAY_MS + 120_000)
    assert [row[0] for row in found] == [DAY_MS, DAY_MS + 60_000, DAY_MS + 120_000]
    single = get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS, endTime=DAY_MS)
    assert [row[0] for row in single] == [DAY_MS]


def test_a_start_alone_gives_the_oldest_rows_and_an_end_alone_the_newest(exchange: TestClient) -> None:
    from_start = get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS + 1, limit=2)
    assert [row[0] for row in from_start] == [DAY_MS + 60_000, DAY_MS + 120_000]
    to_end = get(exchange, "/api/v3/klines", interval="1m", endTime=DAY_MS + 1, limit=2)
    assert [row[0] for row in to_end] == [DAY_MS - 60_000, DAY_MS]


def test_without_times_the_last_row_is_the_candle_that_is_still_open(exchange: TestClient) -> None:
    found = get(exchange, "/api/v3/klines", interval="1m", limit=3)
    minute_ms = NOW_MS // 60_000 * 60_000
    assert [row[0] for row in found] == [minute_ms - 120_000, minute_ms - 60_000, minute_ms]
    assert found[-1][6] > NOW_MS
    trades = get(exchange, "/api/v3/aggTrades", startTime=minute_ms, limit=1000)
    assert found[-1][4] == trades[-1]["p"]
    assert all(trade["T"] <= NOW_MS for trade in trades)


@pytest.mark.parametrize(("asked", "given"), [(None, 500), (7, 7), (1000, 1000), (5000, 1000)])
def test_the_limit_is_500_by_default_and_1000_at_most(exchange: TestClient, asked: int | None, given: int) -> None:
    query = {} if asked is None else {"limit": asked}
    assert len(get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS, **query)) == given


def test_pages_join_without_gap_or_overlap(exchange: TestClient) -> None:
    whole = get(exchange, "/api/v3/klines", interval="15m", startTime=DAY_MS, limit=96)
    paged, cursor = [], DAY_MS
    while len(paged) < 96:
        page = get(exchange, "/api/v3/klines", interval="15m", startTime=cursor, limit=10)
        paged += page
        cursor = page[-1][0] + 1
    assert paged[:96] == whole


def test_sixty_seconds_make_the_minute_to_the_last_digit(exchange: TestClient) -> None:
    seconds = get(exchange, "/api/v3/klines", interval="1s", startTime=DAY_MS, limit=600)
    minutes = get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS, limit=10)
    for n, minute in enumerate(minutes):
        part = [[str(value) for value in row] for row in seconds[60 * n : 60 * n + 60]]
        assert joined_candles(part) == [str(value) for value in figures_of(minute)]


def test_trades_of_a_minute_make_its_candle(exchange: TestClient) -> None:
    (minute,) = get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS, limit=1)
    aggregates = get(exchange, "/api/v3/aggTrades", startTime=DAY_MS, endTime=DAY_MS + 59_999, limit=1000)
    first, last = aggregates[0]["f"], aggregates[-1]["l"]
    trades = get(exchange, "/api/v3/historicalTrades", fromId=first, limit=last - first + 1)
    made = candle_of_trades([(t["price"], t["qty"], t["quoteQty"], t["isBuyerMaker"]) for t in trades])
    assert made == [str(value) for value in figures_of(minute)]


def test_trades_and_aggregates_have_the_exchanges_fields(exchange: TestClient) -> None:
    (aggregate,) = get(exchange, "/api/v3/aggTrades", limit=1)
    assert list(aggregate) == ["a", "p", "q", "f", "l", "T", "m", "M"]
    (trade,) = get(exchange, "/api/v3/trades", limit=1)
    assert list(trade) == ["id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch"]
    assert trade["id"] == aggregate["l"]
    assert Decimal(trade["price"]) * Decimal(trade["qty"]) == Decimal(trade["quoteQty"])


def test_aggregates_by_id_continue_those_by_time(exchange: TestClient) -> None:
    by_time = get(exchange, "/api/v3/aggTrades", startTime=DAY_MS, limit=20)
    by_id = get(exchange, "/api/v3/aggTrades", fromId=by_time[10]["a"], limit=10)
    assert by_id == by_time[10:]
    assert [row["f"] for row in by_time[1:]] == [row["l"] + 1 for row in by_time[:-1]]


def test_ids_of_the_future_give_nothing(exchange: TestClient) -> None:
    (last,) = get(exchange, "/api/v3/aggTrades", limit=1)
    for path in ("/api/v3/aggTrades", "/api/v3/historicalTrades"):
        for beyond in (last["l"] + 1, 10**12, 10**20 - 1):
            assert get(exchange, path, fromId=beyond) == []


def test_times_come_in_microseconds_where_the_header_asks_for_them(exchange: TestClient) -> None:
    plain = get(exchange, "/api/v3/klines", interval="1m", startTime=DAY_MS, limit=1)
    fine = exchange.get(
        "/api/v3/klines",
        params={"symbol": "BTCUSDT", "interval": "1m", "startTime": DAY_MS * 1000, "limit": 1},
        headers={"X-MBX-TIME-UNIT": "MICROSECOND"},
    ).json()
    assert (fine[0][0], fine[0][6]) == (DAY_MS * 1000, (DAY_MS + 60_000) * 1000 - 1)
    assert fine[0][1:6] == plain[0][1:6]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/api/v3/klines", {"symbol": "NOSUCH", "interval": "1m"}, -1121),
        ("/api/v3/klines", {"symbol": "btcusdt", "interval": "1m"}, -1100),
        ("/api/v3/klines", {"interval": "1m"}, -1102),
        ("/api/v3/klines", {"symbol": "BTCUSDT"}, -1102),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1M "}, -1120),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "0"}, -1130),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "-5"}, -1100),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "yesterday"}, -1100),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "9" * 5_000}, -1100),
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": DAY_MS}, -1128),
        ("/api/v3/ticker/price", {"symbols": '["BTCUSDT","NOSUCH"]'}, -1121),
        ("/api/v3/ticker/price", {"symbols": "BTCUSDT"}, -1100),
        ("/api/v3/ticker/price", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ("/api/v3/ticker/24hr", {"symbol": "BTCUSDT", "type": "HALF"}, -1102),
    ],
)
def test_a_wrong_request_is_refused_with_the_exchanges_code(
    exchange: TestClient, path: str, query: dict[str, object], code: int
) -> None:
    answer = exchange.get(path, params=query)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert set(answer.json()) == {"code", "msg"}


def test_a_unit_of_time_that_there_is_not_is_refused(exchange: TestClient) -> None:
    query = {"symbol": "BTCUSDT", "interval": "1m", "limit": 1}
    answer = exchange.get("/api/v3/klines", params=query, headers={"X-MBX-TIME-UNIT": "SECOND"})
    assert (answer.status_code, answer.json()["code"]) == (400, -1100)


def test_candles_before_the_listing_do_not_exist(exchange: TestClient) -> None:
    (first,) = get(exchange, "/api/v3/klines", interval="1d", startTime=0, limit=1)
    assert first[0] >= 1_502_928_000_000  # 2017-08-17
    assert get(exchange, "/api/v3/klines", interval="1m", startTime=0, endTime=first[0] - 1) == []


def test_a_time_beyond_all_clocks_gives_an_empty_list(exchange: TestClient) -> None:
    assert get(exchange, "/api/v3/klines", interval="1m", startTime=99_999_999_999_999_999_999) == []


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("/api/v3/ping", {}, 1),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1}, 2),
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "limit": 1}, 4),
        ("/api/v3/trades", {"symbol": "BTCUSDT", "limit": 1}, 25),
        ("/api/v3/klines", {"symbol": "NOSUCH", "interval": "1m"}, 2),
    ],
)
def test_the_used_weight_is_told(exchange: TestClient, path: str, query: dict[str, object], weight: int) -> None:
    assert exchange.get(path, params=query).headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


def test_the_clock_is_told_in_milliseconds(exchange: TestClient) -> None:
    assert exchange.get("/api/v3/ping").json() == {}
    assert exchange.get("/api/v3/time").json() == {"serverTime": NOW_MS}
