from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.postgres import days as days_module
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.days import days_of, drop_day, ensure_days, inserts_of_days
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import RAW_PRICES, TRADES
from crypto_assets_tests.databases import DAY, fetch, price_row, trade_row
from crypto_assets_tests.waiting import wait_for

TODAY = DAY.date()
YESTERDAY = TODAY - timedelta(days=1)


def test_days_are_made_in_every_table_and_a_second_time_changes_nothing(connection: Connection) -> None:
    for _ in range(2):
        ensure_days(connection, [TODAY, date(2024, 2, 29), TODAY])
        connection.commit()
        assert days_of(connection, RAW_PRICES) == days_of(connection, TRADES) == [date(2024, 2, 29), TODAY]


def test_several_who_make_the_same_days_at_once_make_each_once(database: str) -> None:
    wanted = [TODAY + timedelta(days=n) for n in range(4)]
    together = threading.Barrier(6)

    def make(number: int) -> None:
        with closing(connect(database)) as connection:
            together.wait()
            ensure_days(connection, wanted if number % 2 else wanted[::-1])
            connection.commit()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(make, range(6)))
    with closing(connect(database)) as connection:
        assert days_of(connection, TRADES) == wanted


def test_a_day_is_read_from_its_partition_alone(connection: Connection) -> None:
    upsert_rows(connection, TRADES, [trade_row(1), trade_row(2, at=DAY - timedelta(hours=1))])
    plan = fetch(connection, "EXPLAIN SELECT COUNT(*) FROM trades WHERE day = %s", TODAY)
    assert "trades_20261120" in str(plan)
    assert "trades_20261119" not in str(plan)


def test_a_dropped_day_is_gone_as_a_table_and_the_others_stay(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("1"), price_row("2", at=DAY - timedelta(hours=1))])
    connection.commit()

    drop_day(connection, RAW_PRICES, YESTERDAY)

    deleted = "SELECT SUM(n_tup_del) FROM pg_stat_xact_all_tables WHERE relname LIKE 'raw_prices%'"
    assert fetch(connection, deleted) == [(0,)]
    connection.commit()
    assert fetch(connection, "SELECT to_regclass('staging.raw_prices_20261119') IS NULL") == [(True,)]
    assert days_of(connection, RAW_PRICES) == [TODAY]
    assert fetch(connection, "SELECT day FROM staging.raw_prices") == [(TODAY,)]
    assert days_of(connection, TRADES) == [YESTERDAY, TODAY]


def test_a_day_that_is_not_there_is_dropped_without_a_word(connection: Connection) -> None:
    drop_day(connection, RAW_PRICES, TODAY)
    assert days_of(connection, RAW_PRICES) == []


def test_a_drop_that_is_rolled_back_did_not_happen(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("1")])
    connection.commit()
    drop_day(connection, RAW_PRICES, TODAY)
    connection.rollback()
    assert fetch(connection, "SELECT COUNT(*) FROM staging.raw_prices") == [(1,)]


def test_a_drop_does_not_wait_for_ever_for_a_reader(
    connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days_module, "LOCK_TIMEOUT", "10ms")
    upsert_rows(connection, RAW_PRICES, [price_row("1")])
    connection.commit()
    with closing(connect(database)) as reader:
        fetch(reader, "SELECT * FROM staging.raw_prices")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            drop_day(connection, RAW_PRICES, TODAY)


def test_late_rows_make_a_dropped_day_again(connection: Connection) -> None:
    upsert_rows(connection, RAW_PRICES, [price_row("1")])
    drop_day(connection, RAW_PRICES, TODAY)
    assert upsert_rows(connection, RAW_PRICES, [price_row("1")]) == 1


def test_the_number_of_inserts_tells_which_day_got_rows(connection: Connection) -> None:
    def inserts() -> dict[date, int]:
        connection.rollback()
        return inserts_of_days(connection, RAW_PRICES)

    upsert_rows(connection, RAW_PRICES, [price_row("1"), price_row("2", at=DAY - timedelta(hours=1))])
    connection.commit()
    before = wait_for(inserts, until=lambda seen: seen == {YESTERDAY: 1, TODAY: 1}, deadline_s=30)
    upsert_rows(connection, RAW_PRICES, [price_row("3"), price_row("4")])
    connection.commit()
    after = wait_for(inserts, until=lambda seen: seen != before, deadline_s=30)
    assert after == {YESTERDAY: 1, TODAY: 3}
