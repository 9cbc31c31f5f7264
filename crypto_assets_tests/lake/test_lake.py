from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import pyarrow as pa
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.lake import lake as lake_module
from crypto_assets.lake.lake import Lake, Outline
from crypto_assets.lake.manifest import Manifest
from crypto_assets.schemas import BRONZE_KLINES, REJECTED, SILVER_PERPETUAL, Dataset

DAY = date(2024, 8, 5)
MIDNIGHT = datetime(2024, 8, 5, tzinfo=UTC)
PERPETUAL = SILVER_PERPETUAL
KLINES = BRONZE_KLINES["1m"]


def perpetual(rows: int = 3, *, rate: float = 0.0001) -> pa.Table:
    opened = [MIDNIGHT + timedelta(minutes=n) for n in range(rows)]
    columns: dict[str, object] = {name: [None] * rows for name in PERPETUAL.schema.names}
    columns |= {"open_time": opened, "as_of": [t + timedelta(minutes=1) for t in opened], "funding_rate": [rate] * rows}
    return pa.table(columns, schema=PERPETUAL.schema)


def klines(rows: int) -> pa.Table:
    opened = [MIDNIGHT + timedelta(minutes=n) for n in range(rows)]
    columns: dict[str, object] = {f.name: [1] * rows for f in KLINES.schema if not pa.types.is_timestamp(f.type)}
    columns |= dict.fromkeys(("open_time", "close_time", "received_at"), opened)
    columns |= {"source": ["archive"] * rows, "exchange": ["binance"] * rows, "topic": [None] * rows}
    return pa.table({name: columns[name] for name in KLINES.schema.names}, schema=KLINES.schema)


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake") if request.param == "folder" else f"{request.getfixturevalue('bucket')}/lake")


def publish_parts(lake: Lake, table: pa.Table, *, version: str) -> None:
    parts = lake.write_part(KLINES, "BTCUSDT", DAY, table, source="archive", origin="a.zip", version=version)
    lake.publish_manifest(KLINES, "BTCUSDT", DAY, Manifest(parts=tuple(parts)))


def test_a_day_is_read_as_it_was_published(lake: Lake) -> None:
    assert lake.read(PERPETUAL, "BTCUSDT", DAY) is None
    assert not lake.has(PERPETUAL, "BTCUSDT", DAY)

    published = lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual(), footer={"gaps": "[]"})

    assert (published.rows, published.changed) == (3, True)
    assert published.uri.endswith("silver/symbol=BTCUSDT/date=2024-08-05/perpetual.parquet")
    assert lake.read(PERPETUAL, "BTCUSDT", DAY) == perpetual()
    stored = lake.outline(PERPETUAL, "BTCUSDT", DAY)
    assert stored is not None
    assert stored.notes == {"gaps": "[]"}
    assert lake.days(PERPETUAL, "BTCUSDT") == [DAY]


def test_publishing_the_same_again_does_not_write(lake: Lake) -> None:
    first = lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual())
    again = lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual())

    assert (again.changed, again.sha256) == (False, first.sha256)
    assert lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual(rate=0.0002)).changed


def test_part_of_the_columns_and_of_the_day_can_be_read(lake: Lake) -> None:
    lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual(10))

    table = lake.read(
        PERPETUAL,
        "BTCUSDT",
        DAY,
        columns=["open_time"],
        start=MIDNIGHT + timedelta(minutes=4),
        end=MIDNIGHT + timedelta(minutes=6),
    )

    assert table is not None
    assert table.to_pydict() == {"open_time": [MIDNIGHT + timedelta(minutes=n) for n in (4, 5)]}


def test_days_that_were_not_published_are_left_out(lake: Lake) -> None:
    lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual())

    table = lake.read_days(PERPETUAL, "BTCUSDT", [DAY - timedelta(days=1), DAY])

    assert table.num_rows == 3
    assert lake.read_days(PERPETUAL, "ETHUSDT", [DAY]).num_rows == 0


def test_a_day_in_parts_is_what_its_manifest_lists(lake: Lake) -> None:
    publish_parts(lake, klines(120), version="a" * 64)
    assert lake.files.names(KLINES.partition_path("BTCUSDT", DAY)) == [
        "_manifest.json",
        "hour=00/archive-aaaaaaaaaaaaaaaa.parquet",
        "hour=01/archive-aaaaaaaaaaaaaaaa.parquet",
    ]

    lake.write_part(KLINES, "BTCUSDT", DAY, klines(7), source="rest", origin="rest", version="b" * 64)
    table = lake.read(KLINES, "BTCUSDT", DAY)
    assert table is not None
    assert table.num_rows == 120


def test_a_new_manifest_removes_what_it_does_not_list(lake: Lake) -> None:
    publish_parts(lake, klines(120), version="a" * 64)
    publish_parts(lake, klines(60), version="b" * 64)

    names = lake.files.names(KLINES.partition_path("BTCUSDT", DAY))
    assert names == ["_manifest.json", "hour=00/archive-bbbbbbbbbbbbbbbb.parquet"]


def test_rejected_rows_are_kept_below_their_dataset(lake: Lake) -> None:
    rejected = pa.table({"raw": [b"1,2"], "reason": ["too short"], "origin": ["a.zip"], "line": [7]}, schema=REJECTED)

    assert lake.publish_rejected(KLINES, "BTCUSDT", DAY, rejected, version="c" * 64)
    assert not lake.publish_rejected(KLINES, "BTCUSDT", DAY, rejected, version="c" * 64)

    assert lake.files.names("bronze/_rejected/klines_1m/date=2024-08-05") == ["BTCUSDT-cccccccccccccccc.parquet"]


def test_a_table_of_another_schema_is_not_published(lake: Lake) -> None:
    with pytest.raises(ValueError, match="the dataset has"):
        lake.publish(PERPETUAL, "BTCUSDT", DAY, klines(1))


def _in_a_process(write: Callable[..., None], *arguments: object) -> str:
    """What a writer in a process of its own, whose limits and rights are its own, reports."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.SimpleQueue()
    child = spawn.Process(target=write, args=(*arguments, results))
    child.start()
    child.join()
    assert child.exitcode == 0
    return results.get()


def _publish_with_limit(folder: str, limit_bytes: int, results: SimpleQueue[str]) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    try:
        Lake(folder).publish(PERPETUAL, "BTCUSDT", DAY, perpetual(50_000))
    except LakeError as error:
        results.put(str(error))


def test_a_write_that_the_disk_refuses_leaves_the_former_day(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual())
    assert "What was there stays as it was" in _in_a_process(_publish_with_limit, str(tmp_path), 4096)
    assert lake.read(PERPETUAL, "BTCUSDT", DAY) == perpetual()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["perpetual.parquet"]


def test_a_full_disk_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path, __: bytes) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LakeError, match=r"No space left on device.*The disk is full: free space"):
        Lake(str(tmp_path)).publish(PERPETUAL, "BTCUSDT", DAY, perpetual())


def _write_as_nobody(folder: str, dataset: str, results: SimpleQueue[str]) -> None:
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)
    lake = Lake(folder)
    try:
        if dataset == PERPETUAL.name:
            lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual())
        else:
            with lake.writing(KLINES, "BTCUSDT"):
                publish_parts(lake, klines(1), version="a" * 64)
    except LakeError as error:
        results.put(str(error))
    else:
        results.put("it was written")


@pytest.mark.parametrize("dataset", [PERPETUAL, KLINES], ids=lambda dataset: dataset.name)
def test_a_lake_that_may_not_be_written_says_so(tmp_path: Path, dataset: Dataset) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    for parent in [folder, *folder.parents[:3]]:
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH | stat.S_IROTH) if os.access(parent, os.W_OK) else None
    folder.chmod(0o555)
    assert "This user may not write there" in _in_a_process(_write_as_nobody, str(folder), dataset.name)


def test_a_file_in_place_of_the_lake_says_so(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("not a folder")
    with pytest.raises(LakeError, match="A file stands where a folder is needed"):
        Lake(str(tmp_path / "lake")).publish(PERPETUAL, "BTCUSDT", DAY, perpetual())


def test_a_bucket_that_does_not_exist_says_so(bucket: str) -> None:
    with pytest.raises(LakeError, match="Cannot write s3://nowhere"):
        Lake(f"{bucket.rpartition('/')[0]}/nowhere-{os.getpid()}").publish(PERPETUAL, "BTCUSDT", DAY, perpetual())


def test_the_end_of_a_file_tells_rows_and_notes_without_the_rest(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lake.outline(PERPETUAL, "BTCUSDT", DAY) is None
    lake.publish(PERPETUAL, "BTCUSDT", DAY, perpetual(1440), footer={"gaps": "[]", "known_until": "now"})
    found = lake.outline(PERPETUAL, "BTCUSDT", DAY)
    assert found == Outline(1440, {"gaps": "[]", "known_until": "now"})
    monkeypatch.setattr(lake_module, "FOOTER_BYTES", 10)  # not even the footer fits: the whole file is read
    assert lake.outline(PERPETUAL, "BTCUSDT", DAY) == found


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"no Parquet file, though long enough", b"PAR1" + 20 * b"\xff" + b"PAR1"]
)
def test_what_is_no_parquet_file_has_no_outline(lake: Lake, content: bytes) -> None:
    lake.files.publish(PERPETUAL.partition_path("BTCUSDT", DAY), content)
    with pytest.raises(LakeError, match=r"perpetual\.parquet is no Parquet file.*Materialise silver_perpetual of 2024"):
        lake.outline(PERPETUAL, "BTCUSDT", DAY)


def test_the_newest_day_is_the_last_that_was_published(lake: Lake) -> None:
    assert lake.newest_day(PERPETUAL, "BTCUSDT") is None
    for days in (0, 2):
        lake.publish(PERPETUAL, "BTCUSDT", DAY + timedelta(days=days), perpetual())
    lake.files.publish(f"silver/symbol=BTCUSDT/date={DAY + timedelta(days=5)}/orderbook.parquet", b"another dataset")
    assert lake.newest_day(PERPETUAL, "BTCUSDT") == DAY + timedelta(days=2)
    assert lake.day_folders(PERPETUAL, "BTCUSDT") == [DAY + timedelta(days=n) for n in (0, 2, 5)]


def test_every_file_is_listed_with_its_size_and_age(lake: Lake) -> None:
    assert lake.files.listed() == []
    before = datetime.now(UTC) - timedelta(seconds=2)
    lake.files.publish("a/b/two", b"22")
    lake.files.publish("a/one", b"1")
    lake.files.publish("a/.hidden", b"333")
    with lake.files.alone("a-lock"):
        found = lake.files.listed()
    assert [(file.path, file.bytes) for file in found] == [("a/b/two", 2), ("a/one", 1)]
    assert all(before <= file.written_at <= datetime.now(UTC) + timedelta(seconds=2) for file in found)
    assert [file.path for file in lake.files.listed("a/b")] == ["a/b/two"]
