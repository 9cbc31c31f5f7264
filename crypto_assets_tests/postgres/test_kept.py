from __future__ import annotations

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.postgres.kept import KeptConnection
from crypto_assets_tests.databases import fetch


def add(kept: KeptConnection, *numbers: object) -> None:
    with kept.transaction() as made, made.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS kept (number INT)")
        for number in numbers:
            cursor.execute("INSERT INTO kept VALUES (%s)", (number,))


def test_work_is_kept_where_a_block_ends_and_undone_where_it_raises(database: str, connection: Connection) -> None:
    kept = KeptConnection(database)
    add(kept, 1)
    with pytest.raises(psycopg2.Error):
        add(kept, 2, "two")
    assert not kept.is_open
    assert fetch(connection, "SELECT number FROM kept") == [(1,)]


def test_a_connection_that_failed_is_made_again_by_the_next_block(database: str) -> None:
    kept = KeptConnection(database)
    with pytest.raises(KeyboardInterrupt), kept.transaction() as failed:
        raise KeyboardInterrupt
    with kept.transaction() as made, made.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert failed.closed
    assert kept.is_open
    kept.close()
    assert not kept.is_open
