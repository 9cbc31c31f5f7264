from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from crypto_assets.errors import ConfigurationError
from crypto_assets.lake.files import Files

SIZE = 4 << 20
OLD, NEW = b"o" * SIZE, b"n" * SIZE


def test_a_reader_sees_the_former_content_or_the_new_one_and_nothing_between(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.publish("day.parquet", OLD)
    done = Event()

    def read_until_done() -> set[bytes | None]:
        seen: set[bytes | None] = set()
        while not done.is_set():
            seen.add(files.read("day.parquet"))
        return seen

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read_until_done)
        for turn in range(60):
            files.publish("day.parquet", NEW if turn % 2 == 0 else OLD)
        done.set()

    assert reader.result() <= {OLD, NEW}


def test_what_a_dead_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    left = tmp_path / f".day.parquet.{child}-0123abcd.tmp"
    left.write_bytes(b"half")
    living = tmp_path / f".day.parquet.{os.getpid()}-0123abcd.tmp"
    living.write_bytes(b"being written")

    Files(str(tmp_path)).publish("day.parquet", b"whole")

    assert not left.exists()
    assert living.exists()
    assert Files(str(tmp_path)).names("") == ["day.parquet"]


def test_a_store_whose_package_is_missing_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match=r"^gs:// is read with a package .* gcsfs .*docs/google-cloud\.md"):
        Files("gs://bucket/lake")
