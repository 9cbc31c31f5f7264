"""A file that several threads of DuckDB read at once."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bench.parts.query import MONTHS
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.reading.open_lake import open_lake
from crypto_assets.reading.serving import SharedFile
from crypto_assets_tests.reading.small_lake import DAYS, rows


def test_each_thread_reads_where_it_looked() -> None:
    file = SharedFile(io.BytesIO(bytes(range(200))))
    with ThreadPoolExecutor(1) as other:
        file.seek(10)
        other.submit(file.seek, 100).result()
        assert file.read(2) == bytes([10, 11])
        assert other.submit(file.read, 2).result() == bytes([100, 101])
        assert (file.tell(), other.submit(file.tell).result()) == (12, 102)
    assert file.read() == bytes(range(12, 200))


def test_a_position_counts_from_the_start() -> None:
    with pytest.raises(ValueError, match="from the start"):
        SharedFile(io.BytesIO(b"abc")).seek(-1, io.SEEK_END)


def test_threads_that_share_a_file_get_its_content(tmp_path: Path) -> None:
    content = np.random.default_rng(1).bytes(200_000)
    (tmp_path / "file").write_bytes(content)
    file = SharedFile((tmp_path / "file").open("rb"))

    def read(place: int) -> bool:
        file.seek(place)
        return file.read(50) == content[place : place + 50]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, list(range(0, 199_000, 97)) * 3))
    file.close()


def test_a_query_of_the_bench_has_an_answer(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for day in DAYS:
        lake.publish(GOLD_FEATURES, "BTCUSDT", day, rows(GOLD_FEATURES.schema, day=day, count=4))
    (month,) = open_lake(str(tmp_path)).sql(MONTHS.format(gold="gold_features")).rows()
    assert month[1:] == (12, 1.5, 3.0)
