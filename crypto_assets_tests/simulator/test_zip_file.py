"""Zips that any reader opens and that depend on nothing but their content."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.zip_file import write_zip

MODIFIED = datetime(2024, 8, 6, 5, 30, 42, tzinfo=UTC)


@given(chunks=st.lists(st.binary(max_size=2_000)))
def test_python_reads_back_what_was_written(chunks: list[bytes], tmp_path_factory) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.zip"
    write_zip(path, member="BTCUSDT-1m-2024-08-05.csv", chunks=chunks, modified=MODIFIED)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        (member,) = archive.infolist()
        assert (member.filename, member.date_time) == ("BTCUSDT-1m-2024-08-05.csv", (2024, 8, 6, 5, 30, 42))
        assert archive.read(member) == b"".join(chunks)


def test_the_bytes_do_not_depend_on_how_the_content_was_cut(tmp_path: Path) -> None:
    whole = b"1722816000000,61130.99,61197.66\n" * 5_000
    for name, size in (("a", len(whole)), ("b", 777)):
        pieces = (whole[n : n + size] for n in range(0, len(whole), size))
        write_zip(tmp_path / name, member="x.csv", chunks=pieces, modified=MODIFIED)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
