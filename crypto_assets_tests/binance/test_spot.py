"""The spot client against the documented rules of the exchange, and against their violation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_assets.binance.http import Http
from crypto_assets.binance.spot import SpotClient
from crypto_assets.errors import BadPayload, ConfigurationError, Refused
from crypto_assets.schemas import AGG_TRADES, BRONZE_KLINES
from crypto_assets.spans import from_us
from crypto_assets_tests.binance.clocks import FakeClock
from crypto_assets_tests.binance.local_server import LocalServer, Reply, json_reply
from crypto_assets_tests.binance.rest_exchange import MINUTE_MS, agg_trade, kline, serve, serve_time, trade

START = datetime(2024, 8, 1, tzinfo=UTC)
DAY = timedelta(days=1)
START_MS = 1_722_470_400_000
KLINES = "/api/v3/klines"
AGG = "/api/v3/aggTrades"
TRADES = "/api/v3/historicalTrades"


def at(ms: int) -> datetime:
    return from_us(ms * 1000)


@pytest.fixture
def client(server: LocalServer, http: Http) -> SpotClient:
    serve_time(server, "/api/v3/time", START_MS + 10 * 86_400_000)
    return SpotClient(server.url, http=http)


def serve_klines(server: LocalServer, rows: list, **more) -> None:
    serve(server, KLINES, rows, time=lambda row: row[0], **more)


def serve_agg_trades(server: LocalServer, rows: list, **more) -> None:
    serve(server, AGG, rows, time=lambda row: row["T"], key=lambda row: row["a"], **more)


def minutes(count: int) -> list[list]:
    return [kline(START_MS + n * MINUTE_MS) for n in range(count)]


def opens(client: SpotClient, start: datetime = START, end: datetime = START + DAY) -> list[int]:
    parsed = client.klines("BTCUSDT", "1m", start, end)
    assert parsed.rejected.num_rows == 0
    return [int((t - START).total_seconds()) // 60 for t in parsed.rows["open_time"].to_pylist()]


def test_a_day_takes_two_pages_without_gap_or_overlap(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(1500))
    assert opens(client) == list(range(1440))
    assert server.paths() == ["/api/v3/time", KLINES, KLINES]
    assert server.asked[1].query == {
        "symbol": "BTCUSDT",
        "interval": "1m",
        "startTime": str(START_MS),
        "endTime": str(START_MS + 86_400_000 - 1),
        "limit": "1000",
    }


def test_a_row_is_exact_to_the_last_digit(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(1))
    parsed = client.klines("BTCUSDT", "1m", START, START + timedelta(minutes=1))
    assert parsed.rows.schema.equals(BRONZE_KLINES["1m"].payload)
    assert list(parsed.rows.to_pylist()[0].values()) == [
        START,
        *[Decimal("64000.10")] * 4,
        Decimal("1.5"),
        START + timedelta(minutes=1, milliseconds=-1),
        Decimal("96000.15"),
        3,
        Decimal("0.5"),
        Decimal("32000.05"),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(present=st.sets(st.integers(0, 2999)), first=st.integers(0, 2999), length=st.integers(0, 3000))
def test_any_holes_and_any_span_give_exactly_the_rows_in_the_span(
    server: LocalServer, client: SpotClient, present: set[int], first: int, length: int
) -> None:
    server.asked.clear()
    serve_klines(server, [kline(START_MS + n * MINUTE_MS) for n in sorted(present)])
    start, end = START + timedelta(minutes=first), START + timedelta(minutes=first + length)
    assert opens(client, start, end) == sorted(n for n in present if first <= n < first + length)
    assert len(server.asked) <= 6


def test_an_end_between_two_milliseconds_loses_no_row(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(3))
    end = START + timedelta(minutes=1, microseconds=1)
    assert opens(client, START, end) == [0, 1]
    assert opens(client, START + timedelta(microseconds=1), end) == [1]


def test_a_short_page_in_the_middle_does_not_end_the_span(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(1440), change=lambda page: page[:7])
    assert opens(client, START, START + timedelta(minutes=20)) == list(range(20))


def test_the_candle_that_is_still_open_is_dropped(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(10))
    serve_time(server, "/api/v3/time", START_MS + 5 * MINUTE_MS + 30_000)
    assert opens(client) == [0, 1, 2, 3, 4]
    serve_time(server, "/api/v3/time", START_MS + 6 * MINUTE_MS)
    assert opens(client) == [0, 1, 2, 3, 4, 5]


def test_a_span_that_lies_before_the_time_once_seen_asks_no_clock(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(10))
    opens(client)
    opens(client)
    assert server.paths().count("/api/v3/time") == 1


def test_a_page_that_repeats_a_row_gives_it_once(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(1440), change=lambda page: [row for row in page for _ in range(2)])
    assert opens(client) == list(range(1440))


def test_two_different_rows_of_one_minute_are_both_kept(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, [kline(START_MS), kline(START_MS, price="1")])
    assert opens(client) == [0, 0]


def test_a_server_that_repeats_one_page_for_ever_is_left(server: LocalServer, client: SpotClient) -> None:
    server.routes[KLINES] = lambda _: json_reply(minutes(1000))
    with pytest.raises(BadPayload, match="none of 1000 rows can be used"):
        client.klines("BTCUSDT", "1m", START, START + DAY)
    assert server.paths().count(KLINES) == 2


def test_a_row_outside_of_the_request_is_rejected(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(3), change=lambda page: [*page, kline(START_MS - MINUTE_MS)])
    parsed = client.klines("BTCUSDT", "1m", START, START + timedelta(minutes=3))
    assert parsed.rows.num_rows == 3
    assert "is outside of what was asked for" in parsed.rejected["reason"].to_pylist()[0]


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        (kline(START_MS)[:10], "has 10 fields, not 11"),
        ([START_MS, "NaN", *kline(START_MS)[2:]], "open 'NaN' is not a number of at most 20 digits and 8 decimals"),
        ([None, *kline(START_MS)[1:]], "open_time '' is not a time in ms or us"),
        ("text", "is neither a list nor an object"),
    ],
)
def test_a_bad_row_costs_one_row_and_keeps_its_bytes(
    server: LocalServer, client: SpotClient, spoiled: object, reason: str
) -> None:
    server.routes[KLINES] = lambda _: json_reply([*minutes(2), spoiled])
    parsed = client.klines("BTCUSDT", "1m", START, START + timedelta(minutes=2))
    assert parsed.rows.num_rows == 2
    assert parsed.rejected["reason"].to_pylist() == [reason]
    assert parsed.rejected["line"].to_pylist() == [3]
    assert parsed.rejected["raw"].to_pylist() == [json_reply(spoiled).body]
    assert parsed.rejected["origin"].to_pylist()[0].startswith("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=")


def test_a_single_minute_whose_row_is_bad_is_a_rejected_row_and_no_error(
    server: LocalServer, client: SpotClient
) -> None:
    server.routes[KLINES] = lambda _: json_reply([["?"]])
    parsed = client.klines("BTCUSDT", "1m", START, START + timedelta(minutes=1))
    assert (parsed.rows.num_rows, parsed.rejected.num_rows) == (0, 1)


def test_more_columns_than_today_are_ignored(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, [[*row, "new", 1] for row in minutes(3)])
    assert opens(client) == [0, 1, 2]


def test_numbers_without_quotes_keep_their_digits(server: LocalServer, client: SpotClient) -> None:
    body = b'[[1722470400000,64000.12345678,64000.2,1,1,0.1,1722470459999,1e3,3,0,0.30000000,"0"]]'
    server.routes[KLINES] = lambda _: Reply(body=body)
    row = client.klines("BTCUSDT", "1m", START, START + timedelta(minutes=1)).rows.to_pylist()[0]
    assert row["open"] == Decimal("64000.12345678")
    assert row["quote_volume"] == Decimal(1000)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":1}', b"[1,", b"null"])
def test_an_answer_that_is_no_list_is_refused(server: LocalServer, client: SpotClient, body: bytes) -> None:
    server.routes[KLINES] = lambda _: Reply(body=body)
    with pytest.raises(BadPayload, match="/api/v3/klines"):
        client.klines("BTCUSDT", "1m", START, START + DAY)


def test_an_unknown_symbol_is_refused_with_the_code(server: LocalServer, client: SpotClient) -> None:
    server.routes[KLINES] = lambda _: json_reply({"code": -1121, "msg": "Invalid symbol."}, status=400)
    with pytest.raises(Refused, match="Invalid symbol") as caught:
        client.klines("NOSUCH", "1m", START, START + DAY)
    assert caught.value.code == -1121


@pytest.mark.parametrize("timeframe", ["", "m", "1x", "0m", "-1m", "1 m"])
def test_an_interval_that_is_none_is_refused_without_asking(
    server: LocalServer, client: SpotClient, timeframe: str
) -> None:
    with pytest.raises(Refused, match="is no interval"):
        client.klines("BTCUSDT", timeframe, START, START + DAY)
    assert server.asked == []


def test_a_month_of_candles_ends_with_the_last_month(server: LocalServer, client: SpotClient) -> None:
    serve_time(server, "/api/v3/time", START_MS + 100 * 86_400_000)
    months = [datetime(2024, month, 1, tzinfo=UTC) for month in (8, 9, 10)]
    serve_klines(server, [kline(int(month.timestamp()) * 1000, length_ms=28 * 86_400_000) for month in months])
    parsed = client.klines("BTCUSDT", "1M", START, datetime(2024, 10, 1, 0, 0, 1, tzinfo=UTC))
    assert parsed.rows["open_time"].to_pylist() == months


TRADE_TIMES = st.lists(st.integers(0, 3000), min_size=1, max_size=60).map(sorted)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(times=TRADE_TIMES, first=st.integers(0, 3000), length=st.integers(0, 3000))
def test_trades_of_one_millisecond_are_all_found_however_pages_cut_them(
    server: LocalServer, client: SpotClient, times: list[int], first: int, length: int
) -> None:
    rows = [agg_trade(n, START_MS + ms) for n, ms in enumerate(times)]
    serve_agg_trades(server, rows, change=lambda page: page[:3])
    parsed = client.agg_trades("BTCUSDT", at(START_MS + first), at(START_MS + first + length))
    wanted = [n for n, ms in enumerate(times) if first <= ms < first + length]
    assert parsed.rows["agg_trade_id"].to_pylist() == wanted
    assert parsed.rejected.num_rows == 0
    assert parsed.rows.schema.equals(AGG_TRADES)


def test_an_id_page_that_begins_too_early_is_cut_and_told(server: LocalServer, client: SpotClient) -> None:
    rows = [agg_trade(n, START_MS + n) for n in range(6)]
    server.routes[AGG] = lambda asked: json_reply(rows[:3] if "startTime" in asked.query else rows)
    parsed = client.agg_trades("BTCUSDT", START, at(START_MS + 6))
    assert parsed.rows["agg_trade_id"].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert "has the id 2, but 3 was asked for" in parsed.rejected["reason"].to_pylist()


def test_a_span_without_trades_is_empty(server: LocalServer, client: SpotClient) -> None:
    serve_agg_trades(server, [agg_trade(1, START_MS - 10)])
    assert client.agg_trades("BTCUSDT", START, START + DAY).rows.num_rows == 0


def test_printed_trades_from_an_id_keep_their_text(server: LocalServer, client: SpotClient) -> None:
    rows = [trade(n, START_MS + n) for n in range(50)]
    serve(server, TRADES, rows, time=lambda row: row["time"], key=lambda row: row["id"])
    found = client.printed_trades("BTCUSDT", 7, limit=5)
    assert [row.trade_id for row in found] == [7, 8, 9, 10, 11]
    assert (found[0].price, found[0].quantity, found[0].time_ms) == ("64000.10", "0.5", START_MS + 7)
    assert server.asked[-1].query == {"symbol": "BTCUSDT", "fromId": "7", "limit": "5"}


def test_the_newest_trades_keep_their_text(server: LocalServer, client: SpotClient) -> None:
    body = b'[{"id":7,"price":"64000.10","qty":"0.50","time":1,"isBuyerMaker":true}]'
    server.routes["/api/v3/trades"] = lambda _: Reply(body=body)
    (row,) = client.newest_trades("BTCUSDT")
    assert (row.trade_id, row.price, row.quantity) == (7, "64000.10", "0.50")
    assert server.asked[-1].query == {"symbol": "BTCUSDT", "limit": "1000"}


@pytest.mark.parametrize(
    "body", [b'[{"id":1,"price":"NaN","qty":"1","time":1,"isBuyerMaker":true}]', b"{}", b"", b"\xff"]
)
def test_printed_trades_that_are_none_are_refused(server: LocalServer, client: SpotClient, body: bytes) -> None:
    server.routes[TRADES] = lambda _: Reply(body=body)
    with pytest.raises(BadPayload, match=r"/api/v3/historicalTrades\?symbol=BTCUSDT"):
        client.printed_trades("BTCUSDT", 1)


def test_printed_candles_keep_their_text_and_leave_out_the_open_one(server: LocalServer, client: SpotClient) -> None:
    serve_klines(server, minutes(3))
    serve_time(server, "/api/v3/time", START_MS + 2 * MINUTE_MS)
    found = client.printed_klines("BTCUSDT", "1m", start_ms=START_MS, end_ms=START_MS + 3 * MINUTE_MS)
    assert [(row.open_time_ms, row.close, row.count) for row in found] == [
        (START_MS, "64000.10", 3),
        (START_MS + MINUTE_MS, "64000.10", 3),
    ]


def test_the_exchanges_own_limit_is_obeyed_once_it_was_read(
    server: LocalServer, client: SpotClient, clock: FakeClock
) -> None:
    info = {
        "timezone": "UTC",
        "serverTime": START_MS,
        "rateLimits": [
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 30},
        ],
        "symbols": [
            {
                "symbol": "BTCUSDT",
                "status": "CANCEL_ONLY",
                "baseAsset": "BTC",
                "quoteAsset": "USDT",
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.01000000", "minPrice": "0.01"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
                    {"filterType": "NEW_RULE", "x": []},
                ],
            }
        ],
    }
    server.routes["/api/v3/exchangeInfo"] = lambda _: json_reply(info)
    found = client.exchange_info(["BTCUSDT"]).symbols[0]
    assert (found.symbol, found.base_asset, found.quote_asset) == ("BTCUSDT", "BTC", "USDT")
    assert server.asked[0].query == {"symbols": '["BTCUSDT"]'}
    serve_klines(server, minutes(1))
    for _ in range(5):
        opens(client)
    assert len(clock.slept) == 1


def test_an_exchange_that_names_no_limit_leaves_the_one_that_is_known(
    server: LocalServer, client: SpotClient, clock: FakeClock
) -> None:
    server.routes["/api/v3/exchangeInfo"] = lambda _: json_reply({"rateLimits": [], "symbols": []})
    assert client.exchange_info(["BTCUSDT"]).weight_per_minute is None
    serve_klines(server, minutes(1))
    for _ in range(5):
        opens(client)
    assert clock.slept == []


def test_the_exchanges_clock_is_read(server: LocalServer, client: SpotClient) -> None:
    serve_time(server, "/api/v3/time", START_MS + 1)
    assert client.server_time() == START + timedelta(milliseconds=1)


def test_an_address_that_is_none_is_refused_at_once(make_http: Callable[..., Http]) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a REST API"):
        SpotClient("api.binance.com", http=make_http())
