"""USD-M REST: the exchange's shapes, ends, limits and refusals."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from crypto_assets_tests.simulator.conftest import NOW
from crypto_assets_tests.simulator.reading import figures_of

DAY_MS = 1_735_776_000_000  # 2025-01-02 00:00 UTC
NOW_MS = int(NOW.timestamp() * 1000)
HOUR_MS = 3_600_000


def get(client: TestClient, path: str, **query: object) -> list:
    answer = client.get(path, params={"symbol": "BTCUSDT", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_candle_has_the_decimals_of_tick_and_lot(exchange: TestClient) -> None:
    (candle,) = get(exchange, "/fapi/v1/klines", interval="1m", startTime=DAY_MS, limit=1)
    info = exchange.get("/fapi/v1/exchangeInfo").json()["symbols"][0]
    assert info["symbol"] == "BTCUSDT"
    price, quantity = info["pricePrecision"], info["quantityPrecision"]
    digits = [len(candle[n].partition(".")[2]) for n in (1, 2, 3, 4, 5, 7, 9, 10)]
    assert digits == [price, price, price, price, quantity, price + quantity, quantity, price + quantity]
    assert (candle[0], candle[6], candle[11]) == (DAY_MS, DAY_MS + 59_999, "0")


@pytest.mark.parametrize("kind", ["markPriceKlines", "indexPriceKlines", "premiumIndexKlines"])
def test_candles_of_prices_have_eight_decimals_and_no_volume(exchange: TestClient, kind: str) -> None:
    query = {"pair": "BTCUSDT"} if kind == "indexPriceKlines" else {"symbol": "BTCUSDT"}
    answer = exchange.get(f"/fapi/v1/{kind}", params={**query, "interval": "5m", "startTime": DAY_MS, "limit": 1})
    (candle,) = answer.json()
    assert all(len(candle[n].partition(".")[2]) == 8 for n in (1, 2, 3, 4))
    assert [candle[n] for n in (5, 7, 8, 9, 10)] == ["0", "0", 300, "0", "0"]


def test_aggregates_of_a_minute_make_its_volume(exchange: TestClient) -> None:
    start_ms = NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS
    (minute,) = get(exchange, "/fapi/v1/klines", interval="1m", startTime=start_ms, limit=1)
    trades = get(exchange, "/fapi/v1/aggTrades", startTime=start_ms, endTime=start_ms + 59_999, limit=1000)
    assert list(trades[0]) == ["a", "p", "q", "nq", "f", "l", "T", "m"]
    assert sum(trade["l"] - trade["f"] + 1 for trade in trades) == minute[8]
    assert (trades[0]["p"], trades[-1]["p"]) == (figures_of(minute)[0], figures_of(minute)[3])


def test_aggregates_older_than_48_hours_are_in_the_archive_only(exchange: TestClient) -> None:
    reach_ms = NOW_MS - 48 * HOUR_MS
    assert get(exchange, "/fapi/v1/aggTrades", startTime=reach_ms - HOUR_MS, endTime=reach_ms - 1) == []
    found = get(exchange, "/fapi/v1/aggTrades", startTime=reach_ms, limit=1)
    assert found[0]["T"] >= reach_ms


def test_funding_comes_every_eight_hours_with_jitter_and_mark_price(exchange: TestClient) -> None:
    found = get(exchange, "/fapi/v1/fundingRate", startTime=DAY_MS, endTime=DAY_MS + 24 * HOUR_MS - 1)
    assert list(found[0]) == ["symbol", "fundingRate", "fundingTime", "markPrice", "rateType"]
    assert [row["fundingTime"] // 1000 for row in found] == [DAY_MS // 1000 + 8 * 3600 * n for n in range(3)]
    assert all(row["fundingTime"] <= NOW_MS for row in get(exchange, "/fapi/v1/fundingRate", limit=3))


def test_funding_of_all_symbols_is_merged_by_time(exchange: TestClient) -> None:
    found = exchange.get("/fapi/v1/fundingRate", params={"startTime": DAY_MS, "limit": 4}).json()
    assert {row["symbol"] for row in found} == {"BTCUSDT", "ETHUSDT"}
    assert [row["fundingTime"] for row in found] == sorted(row["fundingTime"] for row in found)


def test_a_start_after_the_end_is_refused(exchange: TestClient) -> None:
    answer = exchange.get("/fapi/v1/klines", params={
        "symbol": "BTCUSDT", "interval": "1m", "startTime": DAY_MS, "endTime": DAY_MS - 1,
    })  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (400, -1023)


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1s"}, -1120),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1501}, -1130),
        ("/fapi/v1/klines", {"symbol": "NOSUCH", "interval": "1m"}, -1121),
        ("/fapi/v1/indexPriceKlines", {"symbol": "BTCUSDT", "interval": "1m"}, -1102),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "startTime": DAY_MS, "endTime": DAY_MS + HOUR_MS}, -1127),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "startTime": DAY_MS, "fromId": 1}, -1128),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 7}, -1130),
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "7m"}, -1130),
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT"}, -1102),
    ],
)
def test_a_wrong_request_is_refused_with_the_exchanges_code(
    exchange: TestClient, path: str, query: dict[str, object], code: int
) -> None:
    answer = exchange.get(path, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(("limit", "weight"), [(99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10)])
def test_more_candles_weigh_more(exchange: TestClient, limit: int, weight: int) -> None:
    answer = exchange.get("/fapi/v1/klines", params={"symbol": "BTCUSDT", "interval": "1m", "limit": limit})
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)
    assert len(answer.json()) == limit


def test_an_unknown_path_is_named_in_the_refusal(exchange: TestClient) -> None:
    answer = exchange.get("/fapi/v1/forceOrders")
    assert answer.status_code == 404
    assert answer.json() == {"code": -5000, "msg": "Path /fapi/v1/forceOrders, Method GET is invalid"}
