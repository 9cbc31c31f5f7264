from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from crypto_assets.errors import ConfigurationError, SchemaError, ServiceUnavailable
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.migrate import VERSION_TABLE, migrate
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.statements import FOLDER
from crypto_assets.postgres.tables import TRADES
from crypto_assets_tests.databases import fetch, run_on, trade_row

REVISIONS = [path.stem[1:5] for path in sorted((FOLDER.parents[1] / "postgres/migrations/versions").glob("r*.py"))]

SCHEMA = """
    SELECT table_schema, table_name, column_name, data_type, is_nullable, numeric_precision, numeric_scale
    FROM information_schema.columns
    WHERE table_schema IN ('staging', 'public')
    UNION ALL
    SELECT 'routine', proname, pg_get_functiondef(oid), '', '', 0, 0
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
"""


def schema_of(url: str) -> list[tuple[object, ...]]:
    with closing(connect(url)) as connection:
        return fetch(connection, SCHEMA)


def test_an_empty_database_gets_every_table_and_procedure(empty_database: str) -> None:
    assert migrate(empty_database) == REVISIONS[-1]

    made = {(place, name) for place, name, *_ in schema_of(empty_database)}
    assert {("staging", "raw_prices"), ("public", "trades"), ("public", "daily_summary")} <= made
    assert {("routine", "ensure_day"), ("routine", "get_daily_summary")} <= made


def test_a_second_time_changes_nothing(database: str) -> None:
    before = schema_of(database)
    assert migrate(database) == REVISIONS[-1]
    assert schema_of(database) == before


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_any_revision_is_brought_up_to_date_and_keeps_its_rows(
    empty_database: str, revision: str
) -> None:
    assert migrate(empty_database, to=revision) == revision
    with closing(connect(empty_database)) as connection:
        upsert_rows(connection, TRADES, [trade_row(1)])
        connection.commit()

    assert migrate(empty_database) == REVISIONS[-1]

    with closing(connect(empty_database)) as connection:
        assert fetch(connection, "SELECT trade_id FROM trades") == [(1,)]
        assert fetch(connection, "SELECT to_regclass('daily_summary') IS NOT NULL") == [(True,)]


def test_several_at_once_end_at_the_same_schema(empty_database: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(migrate, [empty_database] * 6)) == {REVISIONS[-1]}
    with closing(connect(empty_database)) as connection:
        assert fetch(connection, f"SELECT version_num FROM {VERSION_TABLE}") == [(REVISIONS[-1],)]


def test_a_schema_of_a_newer_version_is_refused_and_stays(database: str) -> None:
    run_on(database, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(SchemaError, match=r"revision 9999.*newer version made it"):
        migrate(database)


def test_a_migration_that_fails_changes_nothing_and_says_why(empty_database: str) -> None:
    run_on(empty_database, "CREATE TABLE public.daily_summary (somebody_elses integer)")
    with pytest.raises(SchemaError, match=r'nothing was changed.*relation "daily_summary" already exists'):
        migrate(empty_database)
    assert [row[:3] for row in schema_of(empty_database)] == [("public", "daily_summary", "somebody_elses")]


def test_the_revisions_of_another_program_in_the_same_database_are_left_alone(empty_database: str) -> None:
    run_on(empty_database, "CREATE TABLE alembic_version (version_num text)")
    run_on(empty_database, "INSERT INTO alembic_version VALUES ('of dagster')")
    migrate(empty_database)
    with closing(connect(empty_database)) as connection:
        assert fetch(connection, "SELECT version_num FROM alembic_version") == [("of dagster",)]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that is taken and that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_server_that_does_not_answer_is_named_without_its_password(silent_port: int) -> None:
    with pytest.raises(ServiceUnavailable, match=rf"127\.0\.0\.1:{silent_port}/market.*make up") as raised:
        migrate(f"postgresql://somebody:hidden-word@127.0.0.1:{silent_port}/market")
    assert raised.value.retryable
    assert "hidden-word" not in _told(raised.value)


@pytest.mark.parametrize("url", ["postgresql://u:hidden-word@host:x/db", "postgresql://u:hid%zzden-word@host/db"])
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="POSTGRES_URL cannot be read") as raised:
        connect(url)
    assert "den-word" not in _told(raised.value)


def test_every_sql_file_is_used_and_says_what_it_is_for() -> None:
    package = FOLDER.parents[1]
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    for path in sorted(FOLDER.glob("*.sql")):
        assert path.read_text().startswith("-- "), path
        assert f'"{path.stem}"' in code, path


def _told(error: BaseException) -> str:
    """All that a traceback of the error would show of its messages."""
    seen = [str(error)]
    while error := error.__cause__ or (None if error.__suppress_context__ else error.__context__):  # type: ignore[assignment]
        seen.append(str(error))
    return "\n".join(seen)
