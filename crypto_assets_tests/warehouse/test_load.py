"""Loads into a stand-in for Redshift that really executes COPY: whole days, once, whoever else is there."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pyarrow as pa
import pytest

from crypto_assets.errors import ServiceUnavailable, WarehouseError
from crypto_assets.warehouse.load import DayLoad, Loaded, RedshiftClient, load_day
from crypto_assets.warehouse.staging import stage_day
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import DIM_SYMBOL, FACT_TRADES, DayTable
from crypto_assets_tests.waiting import wait_for
from resources.services.redshift_standin.database import STAND_IN_ROLE

DAY = date(2024, 8, 8)
NOW = datetime(2024, 8, 9, 4, tzinfo=UTC)


def facts(minutes: int, *, price: str = "60000.12345678", day: date = DAY) -> pa.Table:
    """Facts of the first minutes of a day."""
    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - as the table has it
    row = {
        **dict.fromkeys(("min_price", "max_price", "open_price", "close_price"), Decimal(price)),
        **dict.fromkeys(("avg_price", "vwap"), Decimal(f"{price}0000000001")),
        "total_quantity": Decimal("0.00000001"),
        "total_trade_value": Decimal(price) * Decimal("0.00000001"),
        "trade_count": 3,
        "taker_buy_quantity": Decimal(0),
    }
    rows = [{**row, "symbol": "BTCUSDT", "trade_minute": start + timedelta(minutes=n)} for n in range(minutes)]
    return pa.Table.from_pylist(rows, schema=FACT_TRADES.schema)


@dataclass
class Place:
    """A table of a test's own, on S3 and in Redshift."""

    table: DayTable
    store: WarehouseStore
    redshift: RedshiftClient

    def load(self, rows: pa.Table, *, day: date = DAY, role: str = STAND_IN_ROLE) -> Loaded:
        self.store.publish(self.table, day, rows)
        return self.load_staged(stage_day(self.store, self.table, day), role=role)

    def load_staged(self, load: DayLoad, *, role: str = STAND_IN_ROLE) -> Loaded:
        return load_day(self.redshift, load, role=role, now=lambda: NOW)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        return self.redshift.execute_query(sql.format(self.table.name), fetch_results=True) or []

    def rows_by_day(self) -> dict[str, int]:
        sql = "SELECT CAST(trade_minute AS DATE), COUNT(*) FROM {} GROUP BY 1 ORDER BY 1"
        return {str(day): int(str(count)) for day, count in self.query(sql)}

    def loads(self) -> int:
        ((count,),) = self.query("SELECT COUNT(*) FROM warehouse_loads WHERE table_name = '{}'")
        return int(str(count))


@pytest.fixture
def place(store: WarehouseStore, redshift: RedshiftClient) -> Place:
    return Place(dataclasses.replace(FACT_TRADES, name=f"facts_{uuid.uuid4().hex}"), store, redshift)


def test_a_day_is_loaded_to_the_last_digit_and_a_repeat_copies_nothing(place: Place) -> None:
    first = place.load(facts(3))
    again = place.load(facts(3))
    assert (first.rows, first.changed, again.rows, again.changed) == (3, True, 3, False)
    assert place.query("SELECT DISTINCT min_price, avg_price, total_trade_value FROM {}") == [
        (Decimal("60000.12345678"), Decimal("60000.123456780000000001"), Decimal("0.0006000012345678"))
    ]
    assert place.loads() == 1
    assert "sum(avg_price)=180000.370370340000000003" in first.figures


def test_another_content_of_a_day_replaces_it_and_leaves_the_days_beside_it(place: Place) -> None:
    before, after = DAY - timedelta(days=1), DAY + timedelta(days=1)
    for day, minutes in ((before, 1440), (DAY, 1440), (after, 2)):
        place.load(facts(minutes, day=day), day=day)
    place.load(facts(7, price="1"))
    assert place.rows_by_day() == {"2024-08-07": 1440, "2024-08-08": 7, "2024-08-09": 2}


def test_a_day_that_has_become_empty_is_empty_in_redshift(place: Place) -> None:
    place.load(facts(3))
    assert place.load(facts(0)).rows == 0
    assert place.rows_by_day() == {}


def test_what_somebody_changed_by_hand_is_found_and_loaded_again(place: Place) -> None:
    place.load(facts(5))
    place.redshift.execute_query(f"DELETE FROM {place.table.name} WHERE trade_minute > TIMESTAMP '2024-08-08 00:02:00'")
    assert place.load(facts(5)).changed
    assert place.rows_by_day() == {"2024-08-08": 5}


def test_files_that_were_replaced_after_they_were_judged_do_not_get_in(place: Place) -> None:
    place.load(facts(5))
    place.store.publish(place.table, DAY, facts(6))
    judged = stage_day(place.store, place.table, DAY)
    size = judged.rows.num_rows
    place.store.publish(place.table, DAY, facts(6, price="2"))
    stage_day(place.store, place.table, DAY)  # another run wrote the manifest of its own files
    with pytest.raises(WarehouseError, match="hold something else than what was judged"):
        place.load_staged(judged)
    assert size == 6
    assert place.rows_by_day() == {"2024-08-08": 5}
    assert place.query("SELECT DISTINCT min_price FROM {}") == [(Decimal("60000.12345678"),)]


def test_a_file_that_is_gone_stops_the_load_and_the_day_stays(place: Place) -> None:
    place.load(facts(5))
    place.store.publish(place.table, DAY, facts(6))
    load = stage_day(place.store, place.table, DAY)
    place.store.files.remove(f"{place.table.folder(DAY)}/part-0.parquet")
    with pytest.raises(WarehouseError) as failed:
        place.load_staged(load)
    assert f"Redshift refused {place.table.name} 2024-08-08: " in str(failed.value)
    assert "part-0.parquet" in str(failed.value)
    assert "What it held before stays." in str(failed.value)
    assert place.rows_by_day() == {"2024-08-08": 5}


def test_a_role_that_redshift_may_not_assume_stops_the_load(place: Place) -> None:
    with pytest.raises(WarehouseError, match="not authorized to assume IAM Role"):
        place.load(facts(1), role="arn:aws:iam::111111111111:role/stranger")
    assert place.rows_by_day() == {}


def test_a_table_of_other_columns_is_named_before_anything_is_copied(place: Place) -> None:
    place.redshift.execute_query(f"CREATE TABLE {place.table.name} (symbol VARCHAR(64), trade_minute TIMESTAMPTZ)")
    with pytest.raises(WarehouseError) as failed:
        place.load(facts(1))
    assert "trade_minute is timestamp with time zone instead of timestamp without time zone" in str(failed.value)
    assert place.loads() == 0


def test_a_load_that_is_killed_leaves_the_day_and_the_next_one_completes_it(
    place: Place, warehouse: str, administrator: str
) -> None:
    place.load(facts(5))
    with closing(psycopg2.connect(warehouse)) as other, ThreadPoolExecutor(1) as pool:
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {place.table.name} IN SHARE MODE")  # readers go on, the DELETE waits
        running = pool.submit(place.load, facts(9))
        with _postgres_beneath(administrator) as connection:
            wait_for(lambda: _end_waiting(connection, "DELETE FROM"), until=lambda ended: ended == 1, deadline_s=120)
        with pytest.raises(ServiceUnavailable) as failed:
            running.result(timeout=120)
        other.rollback()
    assert "never in between" in str(failed.value)
    assert failed.value.retryable
    assert place.rows_by_day() == {"2024-08-08": 5}
    assert place.load(facts(9)).changed
    assert place.rows_by_day() == {"2024-08-08": 9}


@contextmanager
def _postgres_beneath(administrator: str) -> Generator[psycopg2.extensions.connection]:
    """The database that the stand-in keeps its tables in, without the stand-in before it."""
    with closing(psycopg2.connect(urlsplit(administrator)._replace(path="/warehouse").geturl())) as connection:
        connection.autocommit = True
        yield connection


def _end_waiting(administrator: psycopg2.extensions.connection, begins: str) -> int:
    with administrator.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND query LIKE %s",
            (f"%{begins}%",),
        )
        ((count,),) = cursor.fetchall()
        return count


def test_loads_of_one_day_at_once_leave_it_once(place: Place) -> None:
    place.load(facts(1))
    place.store.publish(place.table, DAY, facts(200))
    load = stage_day(place.store, place.table, DAY)
    with ThreadPoolExecutor(4) as pool:
        loaded = [future.result() for future in [pool.submit(place.load_staged, load) for _ in range(4)]]
    assert {one.rows for one in loaded} == {200}
    assert place.rows_by_day() == {"2024-08-08": 200}


def test_a_table_that_several_make_at_once_is_made(place: Place) -> None:
    loads = []
    for offset in range(4):
        day = DAY + timedelta(days=offset)
        place.store.publish(place.table, day, facts(2, day=day))
        loads.append(stage_day(place.store, place.table, day))
    with ThreadPoolExecutor(4) as pool:
        assert [loaded.rows for loaded in pool.map(place.load_staged, loads)] == [2, 2, 2, 2]


def test_a_table_that_appears_while_it_is_made_is_taken_as_made(
    place: Place, administrator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL looks for the table's name first and for its type's later: whoever commits in between is met there."""
    execute = place.redshift.execute_queries

    def refused_once(*arguments: Any, **options: Any) -> object:
        try:
            return execute(*arguments, **options)
        except Exception:
            cursor.execute(f"DROP TYPE {place.table.name}")
            raise

    with _postgres_beneath(administrator) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TYPE {place.table.name} AS ENUM ()")
        monkeypatch.setattr(place.redshift, "execute_queries", refused_once)
        assert place.load(facts(2)).rows == 2


def test_a_load_that_redshift_undoes_for_another_transaction_may_be_repeated(place: Place, administrator: str) -> None:
    """Redshift names the conflict by a number, and says in the details what it means."""
    refuse = (
        "CREATE FUNCTION refuse_{0}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '1023' USING "
        "ERRCODE = 'XX000', DETAIL = 'Serializable isolation violation on table - 119371'; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON {0} FOR EACH STATEMENT EXECUTE FUNCTION refuse_{0}()"
    )
    place.load(facts(1))
    with _postgres_beneath(administrator) as connection, connection.cursor() as cursor:
        cursor.execute(refuse.format(place.table.name))
        with pytest.raises(ServiceUnavailable) as failed:
            place.load(facts(2))
        cursor.execute(f"DROP TRIGGER refuse ON {place.table.name}")
    assert "Serializable isolation violation" in str(failed.value)
    assert failed.value.retryable
    assert place.rows_by_day() == {"2024-08-08": 1}
    assert place.load(facts(2)).rows == 2


def test_a_reader_meanwhile_sees_the_old_day_or_the_new_one(place: Place) -> None:
    place.load(facts(10))
    seen: set[int] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(place.rows_by_day().get("2024-08-08", 0))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for minutes in (1000, 10, 1000):
            place.load(facts(minutes))
        wait_for(lambda: 1000 in seen, until=bool, deadline_s=60)
    finally:
        done.set()
        reader.join()
    assert seen <= {10, 1000}


def test_a_symbol_is_held_once_whatever_the_days_that_brought_it(
    store: WarehouseStore, redshift: RedshiftClient
) -> None:
    place = Place(dataclasses.replace(DIM_SYMBOL, name=f"symbols_{uuid.uuid4().hex}"), store, redshift)

    def symbols(*names: str) -> pa.Table:
        rows = [{"symbol": name, "base_asset": name[:3], "quote_asset": name[3:]} for name in names]
        return pa.Table.from_pylist(rows, schema=DIM_SYMBOL.schema)

    place.load(symbols("BTCUSDT", "ETHUSDT"))
    place.load(symbols("ETHUSDT", "BNBUSDT"), day=DAY + timedelta(days=1))
    assert place.load(symbols("BTCUSDT", "ETHUSDT")).changed is False
    assert place.query("SELECT symbol FROM {} ORDER BY symbol") == [("BNBUSDT",), ("BTCUSDT",), ("ETHUSDT",)]


@pytest.mark.parametrize("unreachable", ["postgresql://u:secret@127.0.0.1:1/warehouse"])
def test_a_server_that_is_not_there_is_a_sentence_without_the_password(
    place: Place, unreachable: str, client_of: Callable[[str], RedshiftClient]
) -> None:
    with pytest.raises(ServiceUnavailable) as failed:
        Place(place.table, place.store, client_of(unreachable)).load(facts(1))
    assert "Redshift did not answer" in str(failed.value)
    assert "secret" not in str(failed.value)


def test_a_day_that_was_never_written_cannot_be_loaded(place: Place) -> None:
    with pytest.raises(WarehouseError, match=r"was never written\. Materialise"):
        stage_day(place.store, place.table, DAY)


def test_a_folder_is_not_where_redshift_reads(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = WarehouseStore(str(tmp_path_factory.mktemp("warehouse")))
    store.publish(FACT_TRADES, DAY, facts(1))
    with pytest.raises(WarehouseError, match="Set WAREHOUSE_S3_URI to s3://bucket/prefix"):
        stage_day(store, FACT_TRADES, DAY)
