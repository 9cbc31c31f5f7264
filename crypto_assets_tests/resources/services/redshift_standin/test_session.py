"""Transactions, many statements at once, ends in the middle, and what passes through, as clients see them."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2
import pytest
from dagster_aws.redshift import RedshiftClientResource
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets_tests.resources.services.redshift_standin.conftest import (
    NUMBERS,
    PARQUET,
    Bucket,
    Halt,
    count,
    execute,
)
from crypto_assets_tests.waiting import wait_for


def test_it_says_that_it_is_not_redshift(connection: Connection) -> None:
    ((version,),) = execute(connection, "SELECT version()")
    assert str(version).startswith("Stand-in for Amazon Redshift, not Redshift itself: PostgreSQL")


def test_a_transaction_written_out_loads_a_day_from_staging(connection: Connection, numbers: str) -> None:
    connection.autocommit = True
    for _ in range(2):
        for statement in (
            "BEGIN",
            "CREATE TEMP TABLE staging (LIKE numbers)",
            numbers.replace("COPY numbers", "COPY staging"),
            "DELETE FROM numbers USING staging WHERE numbers.n = staging.n",
            "INSERT INTO numbers SELECT * FROM staging",
            "DROP TABLE staging",
            "COMMIT",
        ):
            execute(connection, statement)
    assert count(connection) == 1_000


def test_a_load_is_undone_with_its_transaction_and_its_explanation_stays(connection: Connection, numbers: str) -> None:
    execute(connection, "INSERT INTO numbers VALUES (1)")
    with pytest.raises(psycopg2.InternalError, match="does not exist"):
        execute(connection, numbers.replace("n.parquet", "other.parquet"))
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        execute(connection, numbers)
    connection.rollback()
    assert count(connection) == 0
    told = execute(connection, "SELECT err_reason FROM stl_load_errors WHERE query = pg_last_copy_id()")
    assert "does not exist" in str(told)


def test_what_redshift_lacks_fails_the_transaction(connection: Connection, numbers: str) -> None:
    execute(connection, "INSERT INTO numbers VALUES (1)")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="CREATE INDEX"):
        execute(connection, "CREATE INDEX i ON numbers (n)")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        execute(connection, "SELECT 1")
    connection.rollback()
    assert count(connection) == 0


def test_readers_never_see_a_part_of_a_load(
    connection: Connection, connect: Callable[[], Connection], numbers: str
) -> None:
    seen: set[object] = set()
    done = threading.Event()

    def look(reader: Connection) -> None:
        while not done.is_set():
            seen.add(count(reader))

    readers = [connect() for _ in range(4)]
    for reader in readers:
        reader.autocommit = True
    threads = [threading.Thread(target=look, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    for _ in range(5):
        execute(connection, "DELETE FROM numbers")
        execute(connection, numbers)
        connection.commit()
    done.set()
    for thread in threads:
        thread.join()
    assert seen <= {0, 1_000}


def test_a_client_that_dies_leaves_nothing_of_its_transaction(
    connection: Connection, connect: Callable[[], Connection], numbers: str
) -> None:
    dying = connect()
    execute(dying, numbers)
    ((pid,),) = execute(dying, "SELECT pg_backend_pid()")
    with socket.socket(fileno=dying.fileno()) as raw:
        raw.shutdown(socket.SHUT_RDWR)
        raw.detach()
    connection.autocommit = True
    alive = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"
    wait_for(lambda: execute(connection, alive), until=lambda rows: rows == [(0,)], deadline_s=30)
    assert count(connection) == 0


def test_a_client_that_dies_in_a_long_statement_ends_it(
    connection: Connection, connect: Callable[[], Connection]
) -> None:
    dying = connect()
    ((pid,),) = execute(dying, "SELECT pg_backend_pid()")

    def sleep() -> None:
        with pytest.raises(psycopg2.Error):
            execute(dying, "SELECT pg_sleep(300)")

    thread = threading.Thread(target=sleep)
    thread.start()
    connection.autocommit = True
    alive = f"SELECT state FROM pg_stat_activity WHERE pid = {pid}"
    wait_for(lambda: execute(connection, alive), until=lambda rows: rows == [("active",)], deadline_s=30)
    with socket.socket(fileno=dying.fileno()) as raw:
        raw.shutdown(socket.SHUT_RDWR)
        raw.detach()
    thread.join()
    wait_for(lambda: execute(connection, alive), until=lambda rows: rows == [], deadline_s=30)


CANCELLED = """
import psycopg2, sys, threading
url, path, statement, event = sys.argv[1:]
connection, other = psycopg2.connect(url, options="-c search_path=" + path), psycopg2.connect(url)
other.autocommit = True
pid = connection.info.backend_pid

def cancel():
    with other.cursor() as cursor:
        waits = None
        while waits != (event,):
            cursor.execute("SELECT wait_event FROM pg_stat_activity WHERE pid = %s", (pid,))
            waits = cursor.fetchone()
    connection.cancel()

threading.Thread(target=cancel).start()
with connection.cursor() as cursor:
    try:
        cursor.execute(statement)
    except psycopg2.errors.QueryCanceled:
        connection.rollback()
        cursor.execute("SELECT 'goes on'")
        print(cursor.fetchone()[0])
"""
"""In a process of its own: psycopg2 lets no other thread work, such as the stand-in's, while it asks to cancel."""


def _cancelled(warehouse: str, path: str, statement: str, *, event: str) -> None:
    command = [sys.executable, "-c", CANCELLED, warehouse, path, statement, event]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "goes on\n", done.stderr


def test_a_statement_can_be_cancelled(warehouse: str) -> None:
    _cancelled(warehouse, "public", "SELECT pg_sleep(300)", event="PgSleep")


def test_a_copy_can_be_cancelled_and_leaves_no_row(
    warehouse: str, connection: Connection, numbers: str, halt: Halt
) -> None:
    ((schema,),) = execute(connection, "SELECT current_schema()")
    _cancelled(warehouse, str(schema), numbers, event="advisory")
    assert halt.waits() == []
    assert count(connection) == 0


def test_a_copy_whose_postgresql_is_lost_is_told_and_leaves_no_row(
    connect: Callable[[], Connection], numbers: str, halt: Halt
) -> None:
    told: list[bytes] = []
    losing = connect()
    execute(losing, "SELECT 1")
    with socket.socket(fileno=os.dup(losing.fileno())) as raw:
        raw.setblocking(True)
        raw.sendall(message(b"Q", numbers.encode() + b"\0"))
        (pid,) = wait_for(halt.waits, until=bool, deadline_s=60)
        execute(halt.direct, f"SELECT pg_terminate_backend({pid})")
        while received := raw.recv(65_536):
            told.append(received)
    assert b"the stand-in has lost its PostgreSQL; what was not committed is undone" in b"".join(told)
    assert count(connect()) == 0


def test_a_client_that_dies_in_a_copy_ends_it(connect: Callable[[], Connection], numbers: str, halt: Halt) -> None:
    dying = connect()
    execute(dying, "SELECT 1")
    with socket.socket(fileno=os.dup(dying.fileno())) as raw:
        raw.setblocking(True)
        raw.sendall(message(b"Q", numbers.encode() + b"\0"))
        wait_for(halt.waits, until=bool, deadline_s=60)
        raw.shutdown(socket.SHUT_RDWR)
    wait_for(halt.waits, until=lambda pids: pids == [], deadline_s=60)
    assert count(connect()) == 0


def test_a_connection_lost_between_statements_is_told_at_the_next(
    connect: Callable[[], Connection], direct: Connection
) -> None:
    losing = connect()
    ((pid,),) = execute(losing, "SELECT pg_backend_pid()")
    execute(direct, f"SELECT pg_terminate_backend({pid})")
    with pytest.raises(psycopg2.OperationalError, match="server closed the connection"):
        execute(losing, "SELECT 1")
    assert losing.closed


@pytest.fixture
def unkept(direct: Connection) -> Iterator[str]:
    """Name of a table that no row can tell of."""
    name = f"unkept_{uuid.uuid4().hex}"
    execute(
        direct,
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$;
        CREATE TRIGGER {name} BEFORE INSERT ON redshift_standin.stl_load_errors FOR EACH ROW
        WHEN (NEW.tbl = '{name}') EXECUTE FUNCTION {name}()
        """,
    )
    yield name
    execute(direct, f"DROP FUNCTION {name} CASCADE")


def test_a_load_is_as_it_was_where_no_row_can_tell_of_it(connection: Connection, numbers: str, unkept: str) -> None:
    execute(connection, f"CREATE TABLE {unkept} (n BIGINT)")
    connection.commit()
    load = numbers.replace("COPY numbers", f"COPY {unkept}")
    with pytest.raises(psycopg2.InternalError, match=r"The specified S3 prefix .* does not exist"):
        execute(connection, load.replace("n.parquet", "other.parquet"))
    connection.rollback()
    assert "stl_load_errors could not be written" in connection.notices[-1]


def test_a_wrong_password_and_another_database_are_refused(warehouse: str) -> None:
    parts = urlsplit(warehouse)
    wrong = parts._replace(netloc=f"warehouse:wrong@{parts.hostname}:{parts.port}").geturl()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong)
    with pytest.raises(psycopg2.OperationalError, match="one database"):
        psycopg2.connect(parts._replace(path="/postgres").geturl())


def test_encryption_is_declined_and_may_not_be_required(warehouse: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="does not support SSL"):
        psycopg2.connect(warehouse, sslmode="require")


def test_large_results_and_remarks_pass_through(connection: Connection) -> None:
    rows = execute(connection, "SELECT n, repeat('x', 50) FROM generate_series(1, 100000) AS n")
    assert len(rows) == 100_000
    assert rows[-1] == (100_000, "x" * 50)
    execute(connection, "DROP TABLE IF EXISTS nothing")
    assert "does not exist" in connection.notices[-1]


def test_many_clients_work_side_by_side(connect: Callable[[], Connection], numbers: str) -> None:
    connections = [connect() for _ in range(12)]
    threads = [threading.Thread(target=execute, args=(each, numbers)) for each in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in connections:
        each.commit()
    assert count(connections[0]) == 12_000


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def test_the_extended_protocol_passes_through(warehouse: str, connection: Connection, numbers: str) -> None:
    ((schema,),) = execute(connection, "SELECT current_schema()")
    connection.rollback()
    with (
        closing(psycopg2.connect(warehouse, options=f"-c search_path={schema}")) as opened,
        socket.socket(fileno=opened.fileno()) as raw,
    ):
        try:
            assert b"\x00\x00\x00\x0242" in _extended(raw, b"SELECT 42::text")
            assert b"C42601\0" in _extended(raw, numbers.encode())  # a COPY is understood as a simple query only
            assert b"INSERT 0 1" in _extended(raw, b"INSERT INTO numbers VALUES ($1::int)", b"7")
        finally:
            raw.detach()
    assert execute(connection, "SELECT n FROM numbers") == [(7,)]


def _extended(raw: socket.socket, sql: bytes, *values: bytes) -> bytes:
    """What is answered to a statement in the extended protocol, up to ready-for-query."""
    bound = b"".join(struct.pack("!I", len(value)) + value for value in values)
    raw.setblocking(True)
    raw.sendall(
        message(b"P", b"\0" + sql + b"\0\0\0")
        + message(b"B", b"\0\0\0\0" + struct.pack("!H", len(values)) + bound + b"\0\0")
        + message(b"E", b"\0\0\0\0\0")
        + message(b"S", b"")
    )
    answer = b""
    while not answer.endswith((b"Z\0\0\0\5I", b"Z\0\0\0\5E", b"Z\0\0\0\5T")):
        answer += raw.recv(65_536)
    return answer


def test_the_client_of_dagster_creates_copies_and_selects(warehouse: str, files: Bucket) -> None:
    files.put_table("n.parquet", NUMBERS)
    parts = urlsplit(warehouse)
    client = RedshiftClientResource(
        host=str(parts.hostname),
        port=parts.port or 0,
        user=parts.username,
        password=parts.password,
        database="warehouse",
        sslmode="prefer",
    ).get_client()
    load = f"COPY by_dagster FROM '{files.uri('n')}' {PARQUET}"
    client.execute_queries(["CREATE TABLE by_dagster (n BIGINT ENCODE az64) DISTSTYLE EVEN", load])
    assert client.execute_query("SELECT count(*), sum(n)::BIGINT FROM by_dagster", fetch_results=True) == [
        (1_000, 499_500)
    ]
    told: list[object] = []

    def explain(_error: Exception, cursor: psycopg2.extensions.cursor, _log: object) -> None:
        cursor.execute("SELECT err_reason FROM stl_load_errors WHERE query = pg_last_copy_id()")
        told.extend(cursor.fetchall())

    client.execute_query(load.replace(f"/n' {PARQUET}", f"/missing' {PARQUET}"), error_callback=explain)
    assert "does not exist" in str(told)
    client.execute_query("DROP TABLE IF EXISTS by_dagster")
