"""What streams is what REST later gives, to the digit."""

from __future__ import annotations

import pytest

from crypto_assets_tests.simulator.streams.conftest import NOW_US, Exchange, Message, of_stream

SPAN_S = 120
START_MS, END_MS = NOW_US // 1000, NOW_US // 1000 + SPAN_S * 1000
SPOT = (
    *("trade", "aggTrade", "kline_1s", "kline_1m", "kline_5m"),
    *("ticker", "miniTicker", "bookTicker", "depth5", "depth10@100ms"),
)
TICKER = (
    *(("p", "priceChange"), ("P", "priceChangePercent"), ("w", "weightedAvgPrice"), ("x", "prevClosePrice")),
    *(("c", "lastPrice"), ("Q", "lastQty"), ("b", "bidPrice"), ("B", "bidQty"), ("a", "askPrice"), ("A", "askQty")),
    *(("o", "openPrice"), ("h", "highPrice"), ("l", "lowPrice"), ("v", "volume"), ("q", "quoteVolume")),
    *(("O", "openTime"), ("C", "closeTime"), ("F", "firstId"), ("L", "lastId"), ("n", "count")),
)
"""Fields of a ticker, and their names over REST."""


@pytest.fixture
def spot(exchange: Exchange) -> tuple[Exchange, list[Message]]:
    """Two minutes of everything, and the exchange two minutes later."""
    listener = exchange.listen("/stream?streams=" + "/".join(f"btcusdt@{channel}" for channel in SPOT))
    return exchange, listener.hear(SPAN_S)


def test_spot_streams_are_what_rest_then_says(spot: tuple[Exchange, list[Message]]) -> None:
    exchange, heard = spot
    span = f"symbol=BTCUSDT&startTime={START_MS}&endTime={END_MS - 1}&limit=1000"
    aggregated = [{k: v for k, v in m.items() if k not in "eEs"} for m in of_stream(heard, "btcusdt@aggTrade")]
    assert aggregated == exchange.get(f"/api/v3/aggTrades?{span}")
    trades = of_stream(heard, "btcusdt@trade")
    assert len(trades) > 50
    rows = exchange.get(f"/api/v3/historicalTrades?symbol=BTCUSDT&fromId={trades[0]['t']}&limit={len(trades)}")
    seen = [(r["id"], r["price"], r["qty"], r["time"], r["isBuyerMaker"], r["isBestMatch"]) for r in rows]
    assert [tuple(m[key] for key in "tpqTmM") for m in trades] == seen
    assert [m["E"] for m in trades] == [m["T"] for m in trades]
    for interval in ("1s", "1m"):
        closed = [m["k"] for m in of_stream(heard, f"btcusdt@kline_{interval}") if m["k"]["x"]]
        first = START_MS // 60_000 * 60_000 if interval == "1m" else START_MS - 1000
        rows = exchange.get(f"/api/v3/klines?symbol=BTCUSDT&interval={interval}&startTime={first}&limit=1000")
        rows = [row for row in rows if START_MS <= row[6] + 1 <= END_MS]
        assert [[k[key] for key in ("t", *"ohlcv", "T", *"qnVQ")] + ["0"] for k in closed] == rows


def test_a_growing_candle_is_what_rest_says_at_that_moment(spot: tuple[Exchange, list[Message]]) -> None:
    exchange, heard = spot
    for message in of_stream(heard, "btcusdt@kline_5m")[::7]:
        exchange.now_us = message["E"] * 1000
        row = exchange.get("/api/v3/klines?symbol=BTCUSDT&interval=5m&limit=1")[0]
        k = message["k"]
        assert [k[key] for key in ("t", *"ohlcv", "T", *"qnVQ")] + ["0"] == row
        assert k["L"] - k["f"] + 1 == k["n"]


def test_tickers_and_books_are_what_rest_says_at_that_moment(spot: tuple[Exchange, list[Message]]) -> None:
    exchange, heard = spot
    tickers = of_stream(heard, "btcusdt@ticker")
    assert [m["E"] for m in tickers] == [START_MS + 1000 * n for n in range(SPAN_S + 1)]
    exchange.now_us = tickers[5]["E"] * 1000
    row = exchange.get("/api/v3/ticker/24hr?symbol=BTCUSDT")
    names = dict(TICKER)
    assert {key: tickers[5][key] for key in names} == {key: row[name] for key, name in names.items()}
    mini = of_stream(heard, "btcusdt@miniTicker")[5]
    assert {key: mini[key] for key in "cohlvq"} == {key: tickers[5][key] for key in "cohlvq"}
    book = exchange.get("/api/v3/depth?symbol=BTCUSDT&limit=10")
    assert book in of_stream(heard, "btcusdt@depth10@100ms")
    shallow = {"lastUpdateId": book["lastUpdateId"], "bids": book["bids"][:5], "asks": book["asks"][:5]}
    assert shallow in of_stream(heard, "btcusdt@depth5")
    assert len(of_stream(heard, "btcusdt@depth10@100ms")) in (SPAN_S * 10, SPAN_S * 10 + 1)
    best = [m for m in of_stream(heard, "btcusdt@bookTicker") if m["u"] <= book["lastUpdateId"]][-1]
    assert [[best["b"], best["B"]], [best["a"], best["A"]]] == [book["bids"][0], book["asks"][0]]
    assert "e" not in best


def test_futures_streams_are_what_rest_then_says(exchange: Exchange) -> None:
    channels = ["aggTrade", "kline_1m", "markPrice@1s", "markPrice", "forceOrder", "ticker", "miniTicker"]
    listener = exchange.listen("/market/stream?streams=" + "/".join(f"btcusdt@{channel}" for channel in channels))
    heard = listener.hear(600)
    end_ms = START_MS + 600_000
    aggregated = [
        {k: v for k, v in m.items() if k not in ("e", "E", "s", "st")} for m in of_stream(heard, "btcusdt@aggTrade")
    ]
    first, rows = START_MS, []
    while first < end_ms:
        path = f"/fapi/v1/aggTrades?symbol=BTCUSDT&startTime={first}&endTime={end_ms - 1}&limit=1000"
        page = exchange.get(path)
        rows += page
        first = page[-1]["T"] + 1 if len(page) == 1000 else end_ms
    assert aggregated == rows
    closed = [m["k"] for m in of_stream(heard, "btcusdt@kline_1m") if m["k"]["x"]]
    rows = exchange.get(f"/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime={START_MS - 30_000}&limit=10")
    assert [[k[key] for key in ("t", *"ohlcv", "T", *"qnVQ")] + ["0"] for k in closed] == rows
    marks = of_stream(heard, "btcusdt@markPrice@1s")
    assert [m["E"] for m in marks] == list(range(START_MS, end_ms + 1, 1000))
    assert [m for m in marks if m["E"] % 3000 == 0] == of_stream(heard, "btcusdt@markPrice")
    minute = [m for m in marks if m["E"] // 60_000 == START_MS // 60_000 + 2]
    path = f"/fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1m&startTime={minute[0]['E']}&limit=1"
    prices = [m["p"] for m in minute]
    assert exchange.get(path)[0][1:5] == [prices[0], max(prices), min(prices), prices[-1]]
    exchange.now_us = marks[7]["E"] * 1000
    index = exchange.get("/fapi/v1/premiumIndex?symbol=BTCUSDT")
    assert (marks[7]["p"], marks[7]["i"], marks[7]["T"]) == (
        index["markPrice"],
        index["indexPrice"],
        index["nextFundingTime"],
    )
    assert {m["st"] for m in marks} == {1}
    assert {m["ps"] for m in of_stream(heard, "btcusdt@ticker")} == {"BTCUSDT"}
    forced = of_stream(heard, "btcusdt@forceOrder")
    assert {m["o"]["z"] == m["o"]["q"] for m in forced} <= {True}
    assert all((m["o"]["T"], m["o"]["q"]) in {(row["T"], row["q"]) for row in aggregated} for m in forced)


def test_microseconds_are_streamed_where_the_address_asks_for_them(exchange: Exchange) -> None:
    channels = "/".join(f"btcusdt@{c}" for c in ("trade", "kline_1m", "miniTicker"))
    plain, fine = (exchange.listen(f"/stream?streams={channels}{unit}") for unit in ("", "&timeUnit=MICROSECOND"))
    heard = plain.hear(40)
    times: list[int] = []
    while len(times) < len(of_stream(heard, "btcusdt@trade")):
        message = fine.next()
        if message["stream"] == "btcusdt@trade":
            times.append(message["data"]["T"])
        elif message["stream"] == "btcusdt@kline_1m":
            assert (message["data"]["k"]["T"] + 1) % 60_000_000 == 0
    assert [time // 1000 for time in times] == [m["T"] for m in of_stream(heard, "btcusdt@trade")]
    assert any(time % 1000 for time in times)
