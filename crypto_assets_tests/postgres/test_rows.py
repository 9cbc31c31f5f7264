from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.days import days_of, ensure_days
from crypto_assets.postgres.rows import Value, upsert_rows
from crypto_assets.postgres.tables import RAW_PRICES, TRADES, FactTable
from crypto_assets_tests.databases import DAY, EXCHANGE, fetch, price_row, trade_row

SAME_DATABASE = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Examples share a database, and each rolls back what it did."""

amounts = st.decimals("0.00000001", "99999999999999999999.99999999", places=8)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
times = st.integers(0, 3 * 86_400_000_000 - 1).map(lambda us: DAY + timedelta(microseconds=us))
trades = st.tuples(
    texts, texts, st.integers(0, 9), times, amounts, amounts, st.booleans(), st.sampled_from(["live", "rest"]), times
)


@pytest.fixture
def three_days(connection: Connection) -> Connection:
    """A connection to a database that has the days of `times`, so that an example need not make them."""
    ensure_days(connection, [(DAY + timedelta(days=n)).date() for n in range(3)])
    connection.commit()
    return connection


def stored(connection: Connection, table: FactTable) -> set[tuple[object, ...]]:
    return set(fetch(connection, f"SELECT {', '.join(table.columns)} FROM {table.name}"))


@SAME_DATABASE
@given(batches=st.lists(st.lists(trades, max_size=12), max_size=4))
def test_rows_come_back_exactly_and_the_first_of_each_trade_of_a_day_wins(
    three_days: Connection, batches: list[list[tuple[Value, ...]]]
) -> None:
    first: dict[tuple[object, ...], tuple[Value, ...]] = {}
    try:
        for batch in batches:
            new = {}
            for row in batch:
                exchange, symbol, trade_id, at, *_ = row
                assert isinstance(at, datetime)
                new.setdefault((exchange, symbol, trade_id, at.date()), row)
            new = {key: row for key, row in new.items() if key not in first}
            assert upsert_rows(three_days, TRADES, batch) == len(new)
            first |= new
        keys = {(row[0], row[1], row[2], row[3].date()) for row in stored(three_days, TRADES)}  # type: ignore[attr-defined]
        assert keys == set(first)
        assert stored(three_days, TRADES) <= {row for batch in batches for row in batch}
    finally:
        three_days.rollback()


@SAME_DATABASE
@given(rows=st.lists(trades, max_size=20, unique_by=lambda row: (row[0], row[1], row[2], row[3].date())))
def test_the_same_rows_again_in_any_cut_change_nothing(three_days: Connection, rows: list[tuple[Value, ...]]) -> None:
    try:
        assert upsert_rows(three_days, TRADES, rows) == len(rows)
        assert upsert_rows(three_days, TRADES, rows[::2]) == 0
        assert upsert_rows(three_days, TRADES, reversed(rows)) == 0
        assert stored(three_days, TRADES) == set(rows)
    finally:
        three_days.rollback()


def test_text_that_copy_would_take_for_its_own_signs_comes_back(connection: Connection) -> None:
    odd = ["\\N", "\\.", "a\tb", "a\nb", "a\r\nb", "\\t", "'; DROP TABLE trades --", "é☃"]
    upsert_rows(connection, TRADES, [trade_row(1, symbol=symbol) for symbol in odd])
    assert {symbol for (symbol,) in fetch(connection, "SELECT symbol FROM trades")} == set(odd)


def test_a_ticker_that_arrives_again_at_another_offset_is_the_same_row(connection: Connection) -> None:
    assert upsert_rows(connection, RAW_PRICES, [price_row("1.5", offset=1), price_row("1.50", offset=2)]) == 1
    assert upsert_rows(connection, RAW_PRICES, [price_row("1.500", offset=3), price_row("1.6", offset=4)]) == 1
    assert fetch(connection, "SELECT topic_offset FROM staging.raw_prices ORDER BY 1") == [(1,), (4,)]


def test_the_same_trade_of_streams_and_of_rest_is_one(connection: Connection) -> None:
    live = trade_row(7, at=DAY + timedelta(microseconds=123_456))
    rest = trade_row(7, at=DAY + timedelta(microseconds=123_000))
    assert upsert_rows(connection, TRADES, [live]) == 1
    assert upsert_rows(connection, TRADES, [rest]) == 0


def test_the_day_of_a_row_is_that_of_its_time_in_utc_to_the_microsecond(connection: Connection) -> None:
    last = DAY - timedelta(microseconds=1)
    elsewhere = datetime.fromisoformat("2026-11-20T23:30:00-05:00")
    upsert_rows(connection, TRADES, [trade_row(1, at=last), trade_row(2), trade_row(3, at=elsewhere)])
    found = fetch(connection, "SELECT trade_id, day, trade_time FROM trades ORDER BY 1")
    assert found == [
        (1, date(2026, 11, 19), last),
        (2, date(2026, 11, 20), DAY),
        (3, date(2026, 11, 21), elsewhere),
    ]


def test_a_row_with_the_day_of_another_is_refused_by_the_database(connection: Connection) -> None:
    upsert_rows(connection, TRADES, [trade_row(1), trade_row(2, at=DAY + timedelta(days=1))])
    with pytest.raises(psycopg2.errors.CheckViolation, match="trades_day_is_of_trade_time"):
        fetch(connection, "UPDATE trades SET day = day + 1 WHERE trade_id = 1 RETURNING day")


def test_exchanges_never_mix(connection: Connection) -> None:
    rows = [trade_row(1), trade_row(1, exchange="binance"), trade_row(1, symbol="ETHUSDT")]
    assert upsert_rows(connection, TRADES, rows) == 3


def test_late_rows_go_into_older_days_that_are_made_for_them(connection: Connection) -> None:
    upsert_rows(connection, TRADES, [trade_row(10)])
    assert upsert_rows(connection, TRADES, [trade_row(3, at=DAY - timedelta(days=40))]) == 1
    assert days_of(connection, TRADES) == [date(2026, 10, 11), date(2026, 11, 20)]
    assert fetch(connection, "SELECT trade_id FROM trades_20261011") == [(3,)]


def test_the_quote_quantity_is_price_times_quantity(connection: Connection) -> None:
    upsert_rows(connection, TRADES, [trade_row(1, price="60000.12345678")])
    assert fetch(connection, "SELECT quote_quantity FROM trades") == [(Decimal("30000.06172839"),)]


def test_nothing_is_kept_that_the_caller_does_not_commit(connection: Connection, database: str) -> None:
    upsert_rows(connection, TRADES, [trade_row(1)])
    connection.rollback()
    assert upsert_rows(connection, TRADES, [trade_row(1)]) == 1
    with closing(connect(database)) as other:
        assert fetch(other, "SELECT * FROM trades") == []


def test_a_batch_with_an_impossible_value_is_refused_whole_and_the_next_goes_in(connection: Connection) -> None:
    with pytest.raises(psycopg2.DataError):
        upsert_rows(connection, TRADES, [trade_row(1), trade_row(2, price="a lot")])
    connection.rollback()
    assert upsert_rows(connection, TRADES, [trade_row(1)]) == 1


def test_no_rows_are_no_work(connection: Connection) -> None:
    assert upsert_rows(connection, TRADES, []) == 0


def test_a_time_without_a_zone_and_a_float_are_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="no zone"):
        upsert_rows(connection, TRADES, [trade_row(1, at=DAY.replace(tzinfo=None))])
    with pytest.raises(TypeError, match="float"):
        upsert_rows(connection, RAW_PRICES, [(EXCHANGE, "BTCUSDT", DAY, 1.5, None, None, 0, 0, DAY)])  # type: ignore[list-item]


@pytest.fixture
def four(database: str) -> Iterator[list[Connection]]:
    """Four connections to one database."""
    opened = [connect(database) for _ in range(4)]
    yield opened
    for connection in opened:
        connection.close()


def test_writers_of_the_same_rows_at_once_put_each_in_once(four: list[Connection]) -> None:
    """In opposite orders, which would be a deadlock if each were kept; the days are there, so that nobody waits."""
    rows = [trade_row(n, at=DAY + timedelta(hours=n % 50)) for n in range(2_000)]
    ensure_days(four[0], [(DAY + timedelta(days=n)).date() for n in range(3)])
    four[0].commit()
    together = threading.Barrier(4)

    def write(connection: Connection) -> int:
        together.wait()
        turned = rows if four.index(connection) % 2 else rows[::-1]
        added = upsert_rows(connection, TRADES, turned)
        connection.commit()
        return added

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(write, four)) == 2_000
    assert fetch(four[0], "SELECT COUNT(*), COUNT(DISTINCT trade_id) FROM trades") == [(2_000, 2_000)]
