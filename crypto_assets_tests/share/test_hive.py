"""Days of the shared aggregates as partitions of Hive, through a real metastore."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from crypto_assets.errors import SchemaError, ServiceUnavailable
from crypto_assets.share.hive import FOUND, Figures, HiveTable, columns_of, figures_of, hive_type
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.share.windows import price_windows
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets_tests.share.facts import facts, minute

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2025, 9, 10)


@pytest.fixture
def store(tmp_path: Path) -> WarehouseStore:
    """A store with one day of aggregates, in a folder whose name needs care."""
    store = WarehouseStore(str(tmp_path / "an analyst's share"))
    publish(store, DAY, "100", "101")
    return store


@pytest.fixture
def table(hive_session: SparkSession, store: WarehouseStore) -> HiveTable:
    """A table that does not exist yet, in a database of its own."""
    return HiveTable(hive_session, PRICE_AGGREGATES, root=store.uri, database=f"test_{uuid.uuid4().hex[:8]}")


def publish(store: WarehouseStore, day: date, *closes: str) -> pa.Table:
    """Aggregates of minutes with these closes as the day."""
    windows = price_windows(facts(*(minute(number, close) for number, close in enumerate(closes))))
    store.publish(PRICE_AGGREGATES, day, windows)
    return windows


def test_hive_reads_of_a_day_what_was_published(table: HiveTable, store: WarehouseStore) -> None:
    windows = publish(store, DAY, "100.12345678", "101", "0.00000001")
    table.create()
    table.add_day(DAY)
    found = table.figures(DAY)
    assert found == figures_of(PRICE_AGGREGATES, windows)
    assert found is not None
    assert found.rows == 6
    assert found.sums["close"] == Decimal("100.12345678") + 101 + Decimal("0.00000001") * 4


def test_every_value_comes_back_as_it_was_published(
    table: HiveTable, store: WarehouseStore, hive_session: SparkSession
) -> None:
    windows = publish(store, DAY, "100", "300", "7")
    table.create()
    table.add_day(DAY)
    columns = ", ".join(PRICE_AGGREGATES.schema.names)
    rows = hive_session.sql(f"SELECT {columns} FROM {table.name}").toArrow().to_pylist()
    for row in rows:
        row["window_start"] = row["window_start"].replace(tzinfo=None)
    order = [(row["timeframe"], row["window_start"]) for row in windows.to_pylist()]
    rows.sort(key=lambda row: order.index((row["timeframe"], row["window_start"])))
    assert rows == windows.to_pylist()


def test_adding_a_day_twice_is_the_same_as_once(table: HiveTable) -> None:
    for _ in range(2):
        table.create()
        table.add_day(DAY)
    assert table.days() == [DAY]
    assert (table.figures(DAY) or Figures(0, {})).rows == 5


def test_a_day_that_was_published_again_is_read_as_it_is_now(table: HiveTable, store: WarehouseStore) -> None:
    table.create()
    table.add_day(DAY)
    table.figures(DAY)  # what was read once may be remembered
    windows = publish(store, DAY, *(str(n) for n in range(1, 50)))
    table.add_day(DAY)
    assert table.figures(DAY) == figures_of(PRICE_AGGREGATES, windows)


def test_a_lake_that_moved_takes_its_days_along(table: HiveTable, tmp_path: Path, hive_session: SparkSession) -> None:
    table.create()
    table.add_day(DAY)
    elsewhere = WarehouseStore(str(tmp_path / "elsewhere"))
    windows = publish(elsewhere, DAY, "5")
    moved = HiveTable(hive_session, PRICE_AGGREGATES, root=elsewhere.uri, database=table.name.partition(".")[0])
    moved.create()
    moved.add_day(DAY)
    assert moved.figures(DAY) == figures_of(PRICE_AGGREGATES, windows)


def test_a_new_table_has_every_day_below_it(table: HiveTable, store: WarehouseStore) -> None:
    publish(store, date(2025, 10, 1), "1")
    publish(store, date(2025, 12, 31), "2")
    table.create()
    table.create()
    assert table.days() == [DAY, date(2025, 10, 1), date(2025, 12, 31)]
    assert table.figures(date(2024, 1, 1)) is None


def test_a_table_whose_maker_was_killed_before_it_added_the_days_gets_them(
    table: HiveTable, hive_session: SparkSession
) -> None:
    table.create()
    hive_session.sql(f"ALTER TABLE {table.name} DROP PARTITION (year = '2025')")
    table.create()
    assert table.days() == [], "what somebody dropped stays dropped"

    hive_session.sql(f"ALTER TABLE {table.name} UNSET TBLPROPERTIES ('{FOUND}')")
    table.create()
    assert table.days() == [DAY]


@pytest.fixture(params=["hdfs", "s3"])
def remote(request: pytest.FixtureRequest) -> WarehouseStore:
    """A store with one day that is not on this machine's disk."""
    root: str = request.getfixturevalue("bucket" if request.param == "s3" else "hdfs")
    store = WarehouseStore(f"{root}/{uuid.uuid4().hex}/share")
    publish(store, DAY, "100", "101")
    return store


def test_tables_lie_where_the_lake_is(remote: WarehouseStore, hive_session: SparkSession) -> None:
    publish(remote, date(2025, 9, 11), "7")
    table = HiveTable(hive_session, PRICE_AGGREGATES, root=remote.uri, database=f"test_{uuid.uuid4().hex[:8]}")
    for _ in range(2):
        table.create()
        assert table.add_day(DAY).startswith(("hdfs://", "s3a://"))
    windows = publish(remote, DAY, *(str(n) for n in range(1, 50)))
    assert table.figures(DAY) == figures_of(PRICE_AGGREGATES, windows)
    assert table.days() == [DAY, date(2025, 9, 11)]
    assert (table.figures(date(2025, 9, 11)) or Figures(0, {})).rows == 4


def test_a_day_without_windows_is_an_empty_partition(table: HiveTable, store: WarehouseStore) -> None:
    store.publish(PRICE_AGGREGATES, DAY, PRICE_AGGREGATES.schema.empty_table())
    table.create()
    table.add_day(DAY)
    assert table.figures(DAY) == figures_of(PRICE_AGGREGATES, PRICE_AGGREGATES.schema.empty_table())


def test_a_table_with_other_columns_is_told_of_and_left(table: HiveTable, hive_session: SparkSession) -> None:
    database = table.name.partition(".")[0]
    hive_session.sql(f"CREATE DATABASE {database}")
    hive_session.sql(f"CREATE EXTERNAL TABLE {table.name} (symbol STRING, trades INT, note STRING) STORED AS PARQUET "
                     f"LOCATION '{hive_session.conf.get('spark.sql.warehouse.dir')}/{database}'")  # fmt: skip
    with pytest.raises(SchemaError) as caught:
        table.create()
    sentence = str(caught.value)
    assert "close decimal(28,8) is missing" in sentence
    assert "note string is not declared" in sentence
    assert "trades is int instead of bigint" in sentence
    assert f"ALTER TABLE {table.name} RENAME TO" in sentence
    assert hive_session.table(table.name).columns == ["symbol", "trades", "note"]


def test_a_table_that_owns_its_files_is_none_to_share_in(table: HiveTable, hive_session: SparkSession) -> None:
    hive_session.sql(f"CREATE DATABASE {table.name.partition('.')[0]}")
    partitions, columns = "year STRING, month STRING, day STRING", columns_of(PRICE_AGGREGATES)
    hive_session.sql(f"CREATE TABLE {table.name} ({columns}) PARTITIONED BY ({partitions}) STORED AS PARQUET")
    with pytest.raises(SchemaError, match="no external table but MANAGED"):
        table.create()


def test_the_metastore_of_another_process_is_waited_for(
    table: HiveTable, store: WarehouseStore, hive_session: SparkSession
) -> None:
    table.create()  # so that this process has it open
    folder = hive_session.conf.get("spark.hadoop.javax.jdo.option.ConnectionURL")
    assert folder is not None
    other = (
        "import sys\n"
        "from pathlib import Path\n"
        "from crypto_assets.share.hive import HiveTable\n"
        "from crypto_assets.share.tables import PRICE_AGGREGATES\n"
        "from crypto_assets.spark.session import SparkOptions, batch_session\n"
        "from resources.services.java import java_home\n"
        "session = batch_session(SparkOptions(folder=Path(sys.argv[1]), java_home=java_home(), hive=True))\n"
        "HiveTable(session, PRICE_AGGREGATES, root=sys.argv[2]).create()\n"
    )
    derby = Path(folder.removeprefix("jdbc:derby:;databaseName=").partition(";")[0]).parent
    done = subprocess.run(
        [sys.executable, "-c", other, str(derby), store.uri], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"{ServiceUnavailable.__name__}: Hive's metastore is open in another process" in done.stderr


def test_a_type_that_hive_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="uint64"):
        hive_type(pa.uint64())
