"""Files are built once and give way to newer ones when the room is used up."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crypto_assets.simulator.built_files import BuiltFiles


def writer(body: bytes):
    return lambda path: path.write_bytes(body)


def test_a_file_is_told_with_its_size_and_sum(tmp_path: Path) -> None:
    built = BuiltFiles(tmp_path, limit_bytes=100).get("a", writer(b"abc"))
    assert (built.path.read_bytes(), built.size, built.sha256) == (b"abc", 3, hashlib.sha256(b"abc").hexdigest())


def test_the_file_not_asked_for_longest_goes_first(tmp_path: Path) -> None:
    files = BuiltFiles(tmp_path, limit_bytes=10)
    first, second = files.get("a", writer(b"aaaa")), files.get("b", writer(b"bbbb"))
    files.get("a", writer(b"not built again"))
    files.get("c", writer(b"cccc"))
    assert first.path.read_bytes() == b"aaaa"
    assert not second.path.exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 8


def test_a_file_larger_than_all_room_is_handed_out_nevertheless(tmp_path: Path) -> None:
    files = BuiltFiles(tmp_path, limit_bytes=1)
    assert files.get("a", writer(b"aaaa")).path.read_bytes() == b"aaaa"
    assert files.get("b", writer(b"bbbb")).path.read_bytes() == b"bbbb"
    assert len(list(tmp_path.iterdir())) == 1


def test_many_who_ask_at_once_get_the_file_that_is_built_once(tmp_path: Path) -> None:
    files = BuiltFiles(tmp_path, limit_bytes=100)
    everyone_asks = threading.Barrier(8)
    builds: list[Path] = []

    def build(path: Path) -> None:
        builds.append(path)
        path.write_bytes(b"abc")

    def ask(_: int) -> str:
        everyone_asks.wait()
        return files.get("a", build).sha256

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    assert len(builds) == 1


def test_a_build_that_fails_leaves_nothing_and_may_be_tried_again(tmp_path: Path) -> None:
    files = BuiltFiles(tmp_path, limit_bytes=100)

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("no more rows")

    with pytest.raises(RuntimeError, match="no more rows"):
        files.get("a", fail)
    assert list(tmp_path.iterdir()) == []
    assert files.get("a", writer(b"abc")).size == 3
