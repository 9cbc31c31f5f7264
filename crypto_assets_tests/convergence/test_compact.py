"""One copy of each trade: that of the source trusted most."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.convergence.compact import compact, keep_one_copy
from crypto_assets.convergence.delivery import Delivery, content_version, stored_rows
from crypto_assets.convergence.recipes import RECIPES
from crypto_assets.convergence.work import PartitionWork
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_TRADES, REJECTED

DAY = date(2024, 8, 5)
START = datetime(2024, 8, 5, tzinfo=UTC)
COLUMNS = RECIPES[BRONZE_TRADES.name].one_copy


def trades(ids: Iterable[int], *, price: str = "61000.1") -> pa.Table:
    payload = pa.table(
        {
            "time": [START + timedelta(seconds=n) for n in ids],
            "trade_id": list(ids),
            "price": [price for _ in ids],
            "quantity": ["0.5" for _ in ids],
            "quote_quantity": ["30500.05" for _ in ids],
            "is_buyer_maker": [False for _ in ids],
        }
    )
    return pa.table(
        {name: payload[name].cast(BRONZE_TRADES.payload.field(name).type) for name in BRONZE_TRADES.payload.names}
    )


def deliver(work: PartitionWork, source: str, payload: pa.Table, *, origin: str = "") -> None:
    rows = stored_rows(payload, BRONZE_TRADES, source=source, exchange="simulator-7", received_at=START)
    work.take(Delivery(source, origin or source, content_version(payload), rows, REJECTED.empty_table(), ""))
    keep_one_copy(work, COLUMNS)


def held(work: PartitionWork) -> dict[int, str]:
    manifest, _ = work.publish(())
    table = work.lake.read(BRONZE_TRADES, "BTCUSDT", DAY)
    assert table is not None
    assert table.num_rows == manifest.rows
    ids, sources = table["trade_id"].to_pylist(), table["source"].to_pylist()
    assert len(ids) == len(set(ids))
    return dict(zip(ids, sources, strict=True))


def work_in(folder: Path) -> PartitionWork:
    return PartitionWork(BRONZE_TRADES, "BTCUSDT", DAY, lake=Lake(str(folder)), exchange="simulator-7")


def test_a_trade_that_several_sources_have_is_kept_as_the_most_trusted_has_it(tmp_path: Path) -> None:
    work = work_in(tmp_path)
    deliver(work, "live", trades(range(6)))
    deliver(work, "capture", trades(range(2, 8)))
    deliver(work, "archive", trades(range(4, 10)))
    sources = ["live"] * 2 + ["capture"] * 2 + ["archive"] * 6
    assert held(work) == dict(enumerate(sources))
    assert work.duplicates == 8


def test_a_capture_that_the_archive_has_wholly_leaves_no_row(tmp_path: Path) -> None:
    work = work_in(tmp_path)
    deliver(work, "archive", trades(range(4)))
    deliver(work, "capture", trades(range(4)))
    assert held(work) == dict.fromkeys(range(4), "archive")


def test_a_capture_that_grew_brings_only_what_is_new(tmp_path: Path) -> None:
    work = work_in(tmp_path)
    deliver(work, "archive", trades(range(4)))
    deliver(work, "capture", trades(range(2, 6)), origin="a.gz")
    deliver(work, "capture", trades(range(2, 8)), origin="a.gz")
    assert held(work) == dict.fromkeys(range(4), "archive") | dict.fromkeys(range(4, 8), "capture")


def flush(work: PartitionWork, hour: int, ids: Iterable[int], name: str) -> None:
    """A file of the live streams in the folder of an hour."""
    rows = stored_rows(trades(ids), BRONZE_TRADES, source="live", exchange="simulator-7", received_at=START)
    work.write_live(f"hour={hour:02d}/{name}.parquet", rows, origin=name, version=content_version(rows))


def test_what_flushes_wrote_of_an_hour_becomes_one_file_in_the_order_of_its_rows(tmp_path: Path) -> None:
    work = work_in(tmp_path)
    flush(work, 0, range(30, 40), "live-b")
    flush(work, 0, range(5), "live-a")
    flush(work, 1, range(4_000, 4_002), "live-c")
    deliver(work, "archive", trades([7_000]))
    before, _ = work.publish(())
    compact(work)
    after, _ = work.publish(())
    assert sorted(part.path.partition("/")[0] for part in after.parts if part.source == "live") == [
        "hour=00",
        "hour=01",
    ]
    assert after.data_version == before.data_version, "the rows stay, and so does what is made of them"
    (merged,) = [part for part in after.parts if part.path.startswith("hour=00/live-")]
    assert (merged.start, merged.last) == (START, START + timedelta(seconds=39))
    table = work.read([merged], BRONZE_TRADES.schema.names)
    assert table["trade_id"].to_pylist() == [*range(5), *range(30, 40)]
    compact(work)
    assert work.publish(()) == (after, False)


def test_many_small_files_become_row_groups_that_compress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_assets.convergence.compact.ROW_GROUP", 4)
    work = work_in(tmp_path)
    for number in range(5):
        flush(work, 0, range(number * 2, number * 2 + 2), f"live-{number}")
    compact(work)
    (part,) = work.parts
    (path,) = tmp_path.rglob(part.path)
    about = pq.ParquetFile(path).metadata
    assert [about.row_group(number).num_rows for number in range(about.num_row_groups)] == [4, 4, 2]


def test_a_trade_that_differs_is_no_copy(tmp_path: Path) -> None:
    work = work_in(tmp_path)
    deliver(work, "archive", trades([1]))
    deliver(work, "capture", trades([1], price="61000.2"))
    work.publish(())
    table = work.lake.read(BRONZE_TRADES, "BTCUSDT", DAY)
    assert table is not None
    assert sorted(table["source"].to_pylist()) == ["archive", "capture"]
