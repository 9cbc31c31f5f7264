from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.lake.files import filesystem_of
from crypto_assets.warehouse.facts import time_dimension, trade_facts
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import DIM_TIME, FACT_TRADES
from crypto_assets_tests.warehouse.examples import DAY, Trade, small_day, trades


@pytest.fixture(params=["folder", "s3", "hdfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> WarehouseStore:
    match request.param:
        case "s3":
            place = request.getfixturevalue("bucket")
        case "hdfs":
            place = f"{request.getfixturevalue('hdfs')}/{uuid.uuid4().hex}"
        case _:
            place = str(tmp_path)
    return WarehouseStore(f"{place}/warehouse")


@pytest.fixture
def facts() -> pa.Table:
    return trade_facts(trades(small_day()))


def test_a_day_is_read_as_it_was_published(store: WarehouseStore, facts: pa.Table) -> None:
    assert store.read(FACT_TRADES, DAY) is None
    assert store.manifest(FACT_TRADES, DAY) is None

    published = store.publish(FACT_TRADES, DAY, facts, notes={"trades": "400"})

    assert (published.rows, published.changed) == (facts.num_rows, True)
    assert store.read(FACT_TRADES, DAY) == facts
    assert store.read(FACT_TRADES, date(2024, 8, 9)) is None


def test_the_manifest_lists_the_files_as_they_lie_there(store: WarehouseStore, facts: pa.Table) -> None:
    published = store.publish(FACT_TRADES, DAY, facts, notes={"trades": "400"})
    manifest = store.manifest(FACT_TRADES, DAY)
    assert manifest is not None
    assert (manifest.uri, manifest.bytes, manifest.rows, manifest.sha256, manifest.data_version) == (
        *(published.uri, published.bytes, facts.num_rows, published.sha256, published.data_version),
    )
    assert manifest.uri == store.files.uri_of("fact_trades/year=2024/month=08/day=08/part-0.parquet")
    assert store.files.size("fact_trades/year=2024/month=08/day=08/part-0.parquet") == manifest.bytes
    assert manifest.notes == {"trades": "400"}


def test_some_columns_are_read_in_the_order_asked_for(store: WarehouseStore, facts: pa.Table) -> None:
    store.publish(FACT_TRADES, DAY, facts)
    assert store.read(FACT_TRADES, DAY, columns=["vwap", "symbol"]) == facts.select(["vwap", "symbol"])


def test_the_same_day_again_is_not_written(store: WarehouseStore, facts: pa.Table) -> None:
    first = store.publish(FACT_TRADES, DAY, facts, notes={"trades": "400"})
    written = store.files.written_at(f"{FACT_TRADES.folder(DAY)}/part-0.parquet")
    pieces = pa.concat_tables([facts.slice(0, 7), facts.slice(7)])
    again = store.publish(FACT_TRADES, DAY, pieces, notes={"trades": "400"})
    assert (again.changed, again.sha256) == (False, first.sha256)
    assert store.files.written_at(f"{FACT_TRADES.folder(DAY)}/part-0.parquet") == written


def test_another_note_changes_the_file_and_not_the_version_of_its_rows(store: WarehouseStore, facts: pa.Table) -> None:
    store.publish(FACT_TRADES, DAY, facts, notes={"trades": "400"})
    before = store.manifest(FACT_TRADES, DAY)
    assert store.publish(FACT_TRADES, DAY, facts, notes={"trades": "401"}).changed
    after = store.manifest(FACT_TRADES, DAY)
    assert before is not None
    assert after is not None
    assert (after.data_version, dict(after.notes)) == (before.data_version, {"trades": "401"})


def test_a_file_says_when_it_was_written(store: WarehouseStore, facts: pa.Table) -> None:
    store.publish(FACT_TRADES, DAY, facts)
    (file,) = store.files.listed(FACT_TRADES.folder(DAY))
    assert abs(datetime.now(UTC) - file.written_at) < timedelta(minutes=1)


def test_a_late_trade_replaces_the_day_whole(store: WarehouseStore, facts: pa.Table) -> None:
    store.publish(FACT_TRADES, DAY, facts)
    before = store.manifest(FACT_TRADES, DAY)
    late = trade_facts(trades([*small_day(), Trade(9_999, 86_399)]))
    assert store.publish(FACT_TRADES, DAY, late).changed
    after = store.manifest(FACT_TRADES, DAY)
    assert before is not None
    assert after is not None
    assert before.data_version != after.data_version
    assert store.read(FACT_TRADES, DAY) == late
    assert len(store.files.names(FACT_TRADES.folder(DAY))) == 1


def test_a_day_without_rows_is_there_and_empty(store: WarehouseStore) -> None:
    empty = FACT_TRADES.schema.empty_table()
    store.publish(FACT_TRADES, DAY, empty)
    manifest = store.manifest(FACT_TRADES, DAY)
    assert manifest is not None
    assert manifest.rows == 0
    assert store.read(FACT_TRADES, DAY) == empty


def test_readers_of_the_folder_find_partitions_and_exact_types(tmp_path: Path, facts: pa.Table) -> None:
    store = WarehouseStore(str(tmp_path))
    store.publish(FACT_TRADES, DAY, facts)
    store.publish(FACT_TRADES, DAY, facts.slice(1))
    rows = pl.read_parquet(tmp_path / "fact_trades" / "**" / "*.parquet", hive_partitioning=True)
    assert rows.height == facts.num_rows - 1
    assert rows.select("year", "month", "day").unique().row(0) == (2024, 8, 8)
    assert rows["total_trade_value"].to_list() == facts["total_trade_value"].to_pylist()[1:]


def test_times_are_stored_as_microseconds_without_a_zone(tmp_path: Path) -> None:
    published = WarehouseStore(str(tmp_path)).publish(DIM_TIME, DAY, time_dimension(DAY))
    column = pq.read_schema(published.uri).field("datetime")
    assert column.type == pa.timestamp("us")


def test_a_day_with_other_columns_is_refused(store: WarehouseStore, facts: pa.Table) -> None:
    with pytest.raises(ValueError, match="fact_trades has"):
        store.publish(FACT_TRADES, DAY, facts.drop_columns(["vwap"]))
    assert store.read(FACT_TRADES, DAY) is None


def test_amounts_that_lost_digits_are_refused(store: WarehouseStore, facts: pa.Table) -> None:
    at = facts.schema.get_field_index("min_price")
    with pytest.raises(ValueError, match="min_price is double, not decimal128"):
        store.publish(FACT_TRADES, DAY, facts.set_column(at, "min_price", facts["min_price"].cast(pa.float64())))


def test_a_null_is_refused_where_the_table_has_none(store: WarehouseStore, facts: pa.Table) -> None:
    column = pa.array([None, *facts["min_price"].to_pylist()[1:]], facts.schema.field("min_price").type)
    with pytest.raises(ValueError, match="min_price holds nulls"):
        store.publish(FACT_TRADES, DAY, facts.set_column(2, "min_price", column))


def test_a_minute_without_a_weighted_mean_can_be_stored(store: WarehouseStore) -> None:
    facts = trade_facts(trades([Trade(1, 0, quantity="0")]))
    store.publish(FACT_TRADES, DAY, facts)
    assert store.read(FACT_TRADES, DAY) == facts


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_a_file_that_is_no_parquet_is_told(store: WarehouseStore, content: bytes) -> None:
    store.files.publish(f"{FACT_TRADES.folder(DAY)}/part-0.parquet", content)
    with pytest.raises(LakeError, match=r"is no Parquet file.*Materialise fact_trades 2024-08-08 again"):
        store.read(FACT_TRADES, DAY)


def test_a_file_of_another_version_is_told(store: WarehouseStore, facts: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(facts.drop_columns(["vwap"]), sink)
    store.files.publish(f"{FACT_TRADES.folder(DAY)}/part-0.parquet", sink.getvalue().to_pybytes())
    with pytest.raises(LakeError, match="of another version"):
        store.manifest(FACT_TRADES, DAY)


def test_amounts_of_all_38_digits_survive(store: WarehouseStore) -> None:
    facts = trade_facts(trades([Trade(1, 0, "12345678901.12345678", "12345678901.12345678")]))
    store.publish(FACT_TRADES, DAY, facts)
    read = store.read(FACT_TRADES, DAY)
    assert read is not None
    assert read["total_trade_value"].to_pylist() == [Decimal("152415787529644883329.0780391365279684")]


def test_on_hdfs_a_write_that_fails_leaves_the_former_day_and_nothing_beside_it(
    hdfs: str, facts: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"{hdfs}/{uuid.uuid4().hex}"
    store = WarehouseStore(root)
    store.publish(FACT_TRADES, DAY, facts)
    filesystem, _ = filesystem_of(root)
    folder = f"{root}/{FACT_TRADES.folder(DAY)}"
    filesystem.pipe_file(f"{folder}/.part-0.parquet.1-0123abcd.tmp", b"half of it")  # of a writer that was killed

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("org.apache.hadoop.ipc.StandbyException: not now")

    with monkeypatch.context() as broken:
        broken.setattr(type(filesystem), "mv", refuse)
        with pytest.raises(LakeError, match=r"StandbyException: not now\. What was there stays as it was"):
            store.publish(FACT_TRADES, DAY, facts.slice(1))

    assert store.read(FACT_TRADES, DAY) == facts
    assert [name.rpartition("/")[2] for name in filesystem.ls(folder, detail=False)] == ["part-0.parquet"]
    assert store.publish(FACT_TRADES, DAY, facts.slice(1)).changed
    assert store.read(FACT_TRADES, DAY) == facts.slice(1)
