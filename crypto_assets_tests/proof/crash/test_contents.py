"""What is kept of a run is found again under its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.lake.files import Files
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import TRADES
from crypto_assets_tests.databases import DAY, trade_row
from proof.crash.contents import Kept, hidden_files, read_database, read_files


def test_tables_are_found_under_their_places(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep("lake/silver/symbol=BTCUSDT/date=2024-08-01/klines_1m.parquet#notes", pa.table({"a": [1]}))
    kept.keep("dagster/bronze_klines_1m", pa.table({"a": [2]}))
    assert list(kept) == [
        "dagster/bronze_klines_1m",
        "lake/silver/symbol=BTCUSDT/date=2024-08-01/klines_1m.parquet#notes",
    ]
    assert kept["dagster/bronze_klines_1m"].to_pydict() == {"a": [2]}


def test_a_second_file_of_a_place_is_kept_beside_the_first(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for number in (1, 2):
        kept.keep("a", pa.table({"a": [number]}))
    assert list(kept) == ["a", "a (2)"]


def test_every_file_that_readers_see_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.publish("day/_manifest.json", b'{"parts": []}')
    files.publish("share/a.csv", b"1,2")
    (tmp_path / "day" / ".a.parquet.12-00000000.tmp").write_bytes(b"half")
    with files.alone("a"):
        pass
    assert [path for path, _ in read_files(files)] == ["day/_manifest.json", "share/a.csv"]
    assert hidden_files(files, {}) == ["day/.a.parquet.12-00000000.tmp"]


def test_every_table_of_a_database_is_read_with_its_partitions_in_one(database: str, connection: Connection) -> None:
    upsert_rows(connection, TRADES, [trade_row(1), trade_row(2), trade_row(3, at=DAY + timedelta(days=1))])
    connection.commit()
    found = dict(read_database(database))
    assert {"public.trades", "public.daily_summary", "staging.raw_prices", "public.predictions"} <= set(found)
    assert not [name for name in found if name.startswith("public.trades_")]
    assert found["public.trades"]["trade_id"].to_pylist() == ["1", "2", "3"]
    assert found["public.daily_summary"].num_rows == 0
