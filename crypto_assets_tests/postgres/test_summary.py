from __future__ import annotations

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.days import days_of, drop_day, ensure_days
from crypto_assets.postgres.rows import Value, upsert_rows
from crypto_assets.postgres.summary import (
    DailySummary,
    Unsummarised,
    drop_if_summarised,
    get_daily_summary,
    newest_summarised_day,
    read_daily_summary,
    read_staged_days,
    unsummarised,
)
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets_tests.databases import DAY, EXCHANGE, fetch, price_row
from crypto_assets_tests.waiting import wait_for

TODAY = DAY.date()


def slowly(rows: list[tuple[Value, ...]], day: datetime) -> dict[tuple[str, str], DailySummary]:
    """The summary of a day by exchange and symbol, row by row; no two rows have one key."""
    groups: dict[tuple[str, str], list[tuple[datetime, int, Decimal]]] = defaultdict(list)
    for exchange, symbol, at, price, _, _, _, offset, _ in rows:
        assert isinstance(at, datetime)
        if day <= at < day + timedelta(days=1):
            groups[str(exchange), str(symbol)].append((at, int(str(offset)), Decimal(str(price))))
    found: dict[tuple[str, str], DailySummary] = {}
    for key, prices in groups.items():
        ordered = [price for _, _, price in sorted(prices)]
        with localcontext(prec=80):
            mean = (sum(ordered, Decimal(0)) / len(ordered)).quantize(Decimal("1e-12"), rounding=ROUND_HALF_UP)
        times = [at for at, _, _ in prices]
        found[key] = DailySummary(
            key[1], ordered[0], ordered[-1], min(ordered), max(ordered), mean, len(ordered), min(times), max(times)
        )
    return found


few_prices = st.sampled_from(["0.00000001", "1.5", "60000.12", "60000.13", "99999999999999999999.99999999"])
prices = few_prices | st.decimals("0.00000001", "1000000", places=8).map(str)
moments = st.sampled_from([0, 1, 86_399_999_999, 86_400_000_000, -1, 43_200_000_000, 43_200_000_000 + 1]) | st.integers(
    -3_600_000_000, 86_400_000_000
)


@st.composite
def staged(draw: st.DrawFn) -> list[tuple[Value, ...]]:
    """Rows of three symbols and two exchanges around a day, many of one moment, their offsets in any order."""
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(["BTCUSDT", "ETHUSDT", "X"]), st.sampled_from([EXCHANGE, "b"]), moments, prices),
            max_size=40,
            unique_by=lambda row: (row[0], row[1], row[2], Decimal(row[3])),
        )
    )
    offsets = draw(st.permutations(range(len(drawn))))
    return [
        price_row(price, at=DAY + timedelta(microseconds=us), offset=offset, symbol=symbol, exchange=exchange)
        for (symbol, exchange, us, price), offset in zip(drawn, offsets, strict=True)
    ]


@pytest.fixture
def three_days(connection: Connection) -> Connection:
    """A connection to a database that has the day and those around it."""
    ensure_days(connection, [(DAY + timedelta(days=n)).date() for n in (-1, 0, 1)])
    connection.commit()
    return connection


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=staged())
def test_a_summary_is_what_going_through_the_rows_one_by_one_gives(
    three_days: Connection, rows: list[tuple[Value, ...]]
) -> None:
    try:
        upsert_rows(three_days, RAW_PRICES, rows)
        get_daily_summary(three_days, TODAY)
        expected = slowly(rows, DAY)
        for exchange in (EXCHANGE, "b"):
            mine = sorted((s for (of, _), s in expected.items() if of == exchange), key=lambda s: s.symbol)
            assert read_daily_summary(three_days, TODAY, exchange=exchange) == mine
        assert fetch(three_days, "SELECT COUNT(*) FROM daily_summary") == [(len(expected),)]
    finally:
        three_days.rollback()


def test_of_prices_of_one_moment_the_first_and_the_last_to_arrive_count(connection: Connection) -> None:
    noon = DAY + timedelta(hours=12)
    rows = [price_row("3", at=noon, offset=30), price_row("1", at=noon, offset=10), price_row("2", at=noon, offset=20)]
    upsert_rows(connection, RAW_PRICES, rows)
    get_daily_summary(connection, TODAY)
    (summary,) = read_daily_summary(connection, TODAY, exchange=EXCHANGE)
    assert (summary.open, summary.close, summary.avg, summary.count) == (1, 3, 2, 3)


def test_it_is_called_by_hand_as_the_documents_say(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("1.5")])
    with connection.cursor() as cursor:
        cursor.execute("CALL get_daily_summary('2026-11-20')")
    assert newest_summarised_day(connection, exchange=EXCHANGE) == TODAY


def test_a_call_without_a_day_says_how_to_call_it(connection: Connection) -> None:
    with pytest.raises(psycopg2.errors.RaiseException, match="Call it like"), connection.cursor() as cursor:
        cursor.execute("CALL get_daily_summary(NULL)")


def test_a_repetition_changes_nothing_not_even_when_it_was_summarised(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("1"), price_row("2", symbol="ETHUSDT")])
    get_daily_summary(connection, TODAY)
    before = fetch(connection, "SELECT * FROM daily_summary ORDER BY symbol")
    get_daily_summary(connection, TODAY)
    assert fetch(connection, "SELECT * FROM daily_summary ORDER BY symbol") == before
    assert len(before) == 2


def test_late_rows_change_the_summary_when_it_is_asked_for_again(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("2", at=DAY + timedelta(hours=2))])
    get_daily_summary(connection, TODAY)
    upsert_rows(connection, RAW_PRICES, [price_row("1", at=DAY + timedelta(hours=1))])
    assert unsummarised(connection, TODAY) == [Unsummarised(EXCHANGE, "BTCUSDT", staged=2, summarised=1)]
    get_daily_summary(connection, TODAY)
    (summary,) = read_daily_summary(connection, TODAY, exchange=EXCHANGE)
    assert (summary.open, summary.close, summary.count) == (1, 2, 2)
    assert unsummarised(connection, TODAY) == []


def test_a_day_without_rows_leaves_no_summary_and_takes_none_away(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("1")])
    get_daily_summary(connection, TODAY)
    for day in (TODAY - timedelta(days=1), TODAY + timedelta(days=1)):
        get_daily_summary(connection, day)
    assert fetch(connection, "SELECT day FROM daily_summary") == [(TODAY,)]


def test_a_summary_outlives_the_rows_it_was_made_from_even_where_some_come_again(connection: Connection) -> None:
    rows = [price_row(str(n), at=DAY + timedelta(minutes=n)) for n in range(1, 10)]
    upsert_rows(connection, RAW_PRICES, rows)
    get_daily_summary(connection, TODAY)
    before = read_daily_summary(connection, TODAY, exchange=EXCHANGE)
    drop_day(connection, RAW_PRICES, TODAY)

    get_daily_summary(connection, TODAY)
    assert read_daily_summary(connection, TODAY, exchange=EXCHANGE) == before
    upsert_rows(connection, RAW_PRICES, rows[3:5])
    get_daily_summary(connection, TODAY)
    assert read_daily_summary(connection, TODAY, exchange=EXCHANGE) == before


def test_two_calls_at_once_end_with_one_row_for_each_symbol(database: str) -> None:
    with closing(connect(database)) as connection:
        symbols = [f"S{n}USDT" for n in range(20)]
        upsert_rows(connection, RAW_PRICES, [price_row("1", symbol=symbol) for symbol in symbols])
        connection.commit()
    together = threading.Barrier(4)

    def call(_: int) -> None:
        with closing(connect(database)) as connection:
            together.wait()
            get_daily_summary(connection, TODAY)
            connection.commit()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(call, range(4)))
    with closing(connect(database)) as connection:
        assert len(read_daily_summary(connection, TODAY, exchange=EXCHANGE)) == 20


def test_a_day_is_dropped_only_when_every_price_of_every_exchange_was_summarised(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("1"), price_row("1", exchange="binance")])
    left = drop_if_summarised(connection, TODAY)
    assert [str(one) for one in left] == [
        "binance BTCUSDT 1 prices, 0 of them summarised",
        "simulator-7 BTCUSDT 1 prices, 0 of them summarised",
    ]
    assert days_of(connection, RAW_PRICES) == [TODAY]

    get_daily_summary(connection, TODAY)
    assert drop_if_summarised(connection, TODAY) == []
    assert days_of(connection, RAW_PRICES) == []


def test_a_row_that_arrives_while_a_day_is_dropped_is_not_dropped_with_it(
    connection: Connection, database: str
) -> None:
    """The drop waits for who writes, and then sees what was written."""
    upsert_rows(connection, RAW_PRICES, [price_row("1")])
    get_daily_summary(connection, TODAY)
    connection.commit()
    with closing(connect(database)) as writer, ThreadPoolExecutor(1) as thread:
        upsert_rows(writer, RAW_PRICES, [price_row("2")])
        dropping = thread.submit(drop_if_summarised, connection, TODAY)
        with closing(connect(database)) as observer:
            observer.autocommit = True
            waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'staging.raw_prices'::regclass"
            wait_for(lambda: fetch(observer, waiting), until=lambda seen: seen == [(1,)], deadline_s=30)
        writer.commit()
        assert dropping.result(timeout=30) == [Unsummarised(EXCHANGE, "BTCUSDT", staged=2, summarised=1)]


def test_what_waits_in_staging_is_told_by_day(connection: Connection) -> None:
    rows = [
        price_row("1", at=DAY + timedelta(hours=3)),
        price_row("2", at=DAY + timedelta(hours=1), symbol="ETHUSDT"),
        price_row("3", at=DAY - timedelta(hours=1)),
        price_row("4", at=DAY - timedelta(hours=2), exchange="binance"),
    ]
    upsert_rows(connection, RAW_PRICES, rows)
    yesterday, today = read_staged_days(connection, exchange=EXCHANGE)
    assert (yesterday.day, yesterday.rows, yesterday.symbols) == (TODAY - timedelta(days=1), 1, ("BTCUSDT",))
    assert (today.rows, today.symbols) == (2, ("BTCUSDT", "ETHUSDT"))
    assert (today.first_event_time, today.last_event_time) == (DAY + timedelta(hours=1), DAY + timedelta(hours=3))
    assert read_staged_days(connection, exchange=EXCHANGE, day=TODAY) == [today]
