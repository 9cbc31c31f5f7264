"""Batches in PostgreSQL: whole or not at all, once however often they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.stream.processor.messages import Batch, sort_out
from crypto_assets.stream.processor.store import Store
from crypto_assets_tests.databases import EXCHANGE, fetch, run_on
from crypto_assets_tests.stream.processor.samples import message, ticker, trade

PRICES = (
    "SELECT symbol, event_time, price, previous_price, exchange_rate, topic_offset, inserted_at "
    "FROM staging.raw_prices ORDER BY symbol, event_time"
)
TRADES = "SELECT symbol, trade_id, price, quote_quantity, inserted_at FROM trades ORDER BY symbol, trade_id"


def batch(*records: dict[str, object], first_offset: int = 0) -> Batch:
    return sort_out([message(record, offset=first_offset + n) for n, record in enumerate(records)])


def test_a_batch_that_is_written_again_changes_nothing(database: str, connection: Connection) -> None:
    store = Store(database, EXCHANGE)
    records = batch(ticker("100", seconds=1), ticker("110", seconds=2), trade(1, seconds=1), trade(2, seconds=2))
    first = store.write(records)
    before = fetch(connection, PRICES), fetch(connection, TRADES)
    connection.rollback()
    again = store.write(records)
    with_another = Store(database, EXCHANGE).write(records)
    assert (first.prices, first.trades, first.repeated) == (2, 2, 0)
    assert (again.prices, again.trades, again.repeated, again.contradictions) == (0, 0, 4, 0)
    assert (with_another.prices, with_another.trades, with_another.repeated) == (0, 0, 4)
    assert (fetch(connection, PRICES), fetch(connection, TRADES)) == before


def test_the_state_that_a_heartbeat_reads_does_not_change_under_it(database: str) -> None:
    store = Store(database, EXCHANGE)
    store.write(batch(ticker("100", seconds=1), trade(1, seconds=1)))
    seen = store.state
    store.write(batch(ticker("7", seconds=1, symbol="ETHUSDT"), trade(2, seconds=2), first_offset=1))
    assert (set(seen.prices), seen.trades["BTCUSDT"].trade_id) == ({"BTCUSDT"}, 1)
    assert (set(store.state.prices), store.state.trades["BTCUSDT"].trade_id) == ({"BTCUSDT", "ETHUSDT"}, 2)


def test_rates_go_on_from_what_is_committed_after_a_restart(database: str, connection: Connection) -> None:
    Store(database, EXCHANGE).write(batch(ticker("100", seconds=1), ticker("110", seconds=5)))
    store = Store(database, EXCHANGE)
    written = store.write(batch(ticker("105", seconds=3), ticker("121", seconds=6), first_offset=2))
    assert [(row[2], row[3], row[4]) for row in fetch(connection, PRICES)] == [
        (Decimal(100), None, None),
        (Decimal(105), Decimal(100), Decimal("0.05")),
        (Decimal(110), Decimal(100), Decimal("0.1")),
        (Decimal(121), Decimal(110), Decimal("0.1")),
    ]
    assert (written.late, store.state.prices["BTCUSDT"].ticker.price) == (1, Decimal(121))


def test_the_first_of_two_trades_with_one_id_stays_and_the_other_is_counted(
    database: str, connection: Connection
) -> None:
    store = Store(database, EXCHANGE)
    one = store.write(batch(trade(1, seconds=1), trade(1, seconds=1, price="7.00000000")))
    two = store.write(batch(trade(1, seconds=1, price="8.00000000"), trade(1, seconds=1, source="rest")))
    assert (one.contradictions, two.contradictions) == (1, 1)
    assert [row[2] for row in fetch(connection, TRADES)] == [Decimal("60000.1")]


def test_exchanges_do_not_know_of_each_other(database: str) -> None:
    Store(database, "simulator-8").write(batch(ticker("1", seconds=1), trade(1, seconds=1)))
    written = Store(database, EXCHANGE).write(batch(ticker("100", seconds=2), trade(1, seconds=2)))
    assert written.newest.prices["BTCUSDT"].previous is None
    assert written.trades == 1


def test_the_state_is_the_newest_of_each_symbol_by_its_own_time(database: str) -> None:
    store = Store(database, EXCHANGE)
    store.write(
        batch(
            *(ticker(str(price), seconds=second, symbol="ETHUSDT") for second, price in ((1, 10), (9, 30), (5, 20))),
            *(trade(n, seconds=n, symbol="BTCUSDT", price=f"{n}.00000000") for n in (2, 3, 1)),
        )
    )
    for state in (store.state, Store(database, EXCHANGE).open()):
        assert {s: p.ticker.price for s, p in state.prices.items()} == {"ETHUSDT": Decimal(30)}
        assert {s: (t.trade_id, t.price) for s, t in state.trades.items()} == {"BTCUSDT": (3, Decimal(3))}


def test_a_batch_that_fails_leaves_nothing_and_is_written_by_the_next_call(
    database: str, connection: Connection
) -> None:
    import psycopg2

    store = Store(database, EXCHANGE)
    store.write(batch(ticker("100", seconds=1)))
    run_on(database, "ALTER TABLE trades RENAME TO gone")
    records = batch(ticker("110", seconds=2), trade(1, seconds=2), first_offset=1)
    with pytest.raises(psycopg2.Error):
        store.write(records)
    assert len(fetch(connection, PRICES)) == 1
    assert store.state.prices["BTCUSDT"].ticker.price == 100
    connection.rollback()
    run_on(database, "ALTER TABLE gone RENAME TO trades")
    assert (written := store.write(records)).prices == written.trades == 1
    assert store.state.prices["BTCUSDT"].previous == 100


def test_a_commit_whose_answer_was_lost_is_found_done(database: str) -> None:
    store = Store(database, EXCHANGE)
    store.write(batch(ticker("100", seconds=1)))
    records = batch(ticker("110", seconds=2), first_offset=1)
    Store(database, EXCHANGE).write(records)  # what the server did before the answer was lost
    store.close()
    assert store.write(records).repeated == 1
    assert store.state.prices["BTCUSDT"].ticker.price == 110
