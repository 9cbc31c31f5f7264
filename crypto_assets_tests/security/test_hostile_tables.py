"""Files that a person brings, and zips of the archive: a sentence, bounded memory, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload, CryptoAssetsError, InputIncomplete
from crypto_assets.history.files import find_files, read_pieces
from crypto_assets.history.load import HistoryRequest, load_history
from crypto_assets.lake.lake import Lake
from crypto_assets.simulator.recorded_data import RecordedData
from crypto_assets_tests.security.hostile import (
    HEADER,
    MEBIBYTE,
    ROW,
    bytes_needed,
    corrupt_zip,
    dictionary_bomb,
    encrypted_zip,
    garbled_parquet,
    gzip_bomb,
    lying_zip,
    page_bomb,
    parquet_of,
    row_bomb,
    wide_parquet,
    zip_bomb,
    zip_of,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Make = Callable[[Path], Path]

HOSTILE: dict[str, tuple[str, Make, str]] = {
    "a bomb": ("a.zip", lambda path: zip_bomb(path, name="a.csv", size=256 * MEBIBYTE), "a zip bomb"),
    "a lie about its size": ("a.zip", lambda path: lying_zip(path, name="a.csv"), "CRC|first line|header|column"),
    "two files": ("a.zip", lambda path: zip_of(path, {"a.csv": HEADER + ROW, "b.csv": ROW}), "holds 2 files"),
    "no file": ("a.zip", lambda path: zip_of(path, {}), "holds 0 files"),
    "a zip in a zip": ("a.zip", lambda path: zip_of(path, {"a.zip": b"PK"}), "must hold one CSV"),
    "a password": ("a.zip", lambda path: encrypted_zip(path, name="a.csv"), "encrypted"),
    "a wrong sum": ("a.zip", lambda path: corrupt_zip(path, name="a.csv"), "CRC"),
    "no zip": ("a.zip", lambda path: _written(path, b"PK\x03\x04 and no more"), "not a zip"),
    "a line without end": ("a.csv.gz", lambda path: gzip_bomb(path, of=b"0"), "first line is longer"),
    "a row without end": (
        "a.csv.gz",
        lambda path: gzip_bomb(path, of=ROW, header=HEADER),
        "more than 345,600 rows of 2024-08-05",
    ),
    "empty lines without end": ("a.csv.gz", lambda path: gzip_bomb(path, of=b"\n", header=HEADER, level=9), "a bomb"),
    "a gzip cut short": ("a.csv.gz", lambda path: _written(path, b"\x1f\x8b\x08\0\0\0\0\0"), "ended|header"),
    "a plain line without end": ("a.csv", lambda path: _written(path, b"0" * MEBIBYTE), "first line is longer"),
    "a dictionary of one text": ("a.parquet", dictionary_bomb, "a text of 1,048,576 bytes"),
    "too many rows": ("a.parquet", row_bomb, "a bomb"),
    "pages of zeros": ("a.parquet", page_bomb, "a bomb"),
    "too many columns": ("a.parquet", wide_parquet, "2,000 columns"),
    "a footer of garbage": ("a.parquet", garbled_parquet, "cannot be read"),
    "no Parquet": ("a.parquet", lambda path: _written(path, b"PAR1" + bytes(64) + b"PAR1"), "cannot be read"),
    "other types": (
        "a.parquet",
        lambda path: parquet_of(path, pa.table({"open_time": [[1]], "open": [{"a": 1}]})),
        "open_time",
    ),
}


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("which", HOSTILE)
def test_a_hostile_file_gives_a_sentence_takes_little_memory_and_leaves_nothing(which: str, tmp_path: Path) -> None:
    name, make, sentence = HOSTILE[which]
    path = make(tmp_path / name)
    lake = Lake(str(tmp_path / "lake"))

    def load() -> None:
        with pytest.raises(BadPayload, match=sentence) as refused:
            load_history(
                find_files(str(path)), HistoryRequest("BTCUSDT", "1m"), lake=lake, now=NOW, progress=lambda _: None
            )
        assert str(refused.value).startswith(name)
        assert "\n" not in str(refused.value)

    assert bytes_needed(load) < 512 * MEBIBYTE
    assert not list((tmp_path / "lake").rglob("*.parquet"))
    assert sorted(found.name for found in tmp_path.iterdir() if found.name != "lake") == [name]


def test_an_honest_zip_and_gzip_are_read(tmp_path: Path) -> None:
    zip_of(tmp_path / "a.zip", {"a.csv": HEADER + ROW})
    lake = Lake(str(tmp_path / "lake"))
    request = HistoryRequest("BTCUSDT", "1m")
    loaded = load_history(find_files(str(tmp_path / "a.zip")), request, lake=lake, now=NOW, progress=lambda _: None)
    assert loaded.rows == 1


@given(content=st.binary(max_size=200), name=st.sampled_from(["a.csv", "a.csv.gz", "a.zip", "a.parquet"]))
def test_any_bytes_are_rows_or_a_sentence(content: bytes, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = _written(tmp_path_factory.mktemp("any") / name, content)
    try:
        for file in find_files(str(path)):
            list(read_pieces(file))
    except CryptoAssetsError:
        return


@pytest.mark.parametrize(
    "uri",
    [
        "zip://*.csv::https://example.com/a.zip",
        "simplecache::s3://bucket/a.csv",
        "ftp://example.com/a.csv",
        "reference://a.csv",
        "github://a:b@/c.csv",
        "http://169.254.169.254/a.csv",
    ],
)
def test_files_are_not_read_from_where_nobody_meant(uri: str) -> None:
    with pytest.raises(InputIncomplete, match="is no place that files are read from"):
        find_files(uri)


def test_a_bomb_among_replayed_files_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "archive" / "data" / "spot" / "daily" / "klines" / "BTCUSDT" / "1m"
    folder.mkdir(parents=True)
    zip_bomb(folder / "BTCUSDT-1m-2024-08-01.zip", name="BTCUSDT-1m-2024-08-01.csv", size=256 * MEBIBYTE)
    data = RecordedData(tmp_path)
    with pytest.raises(BadPayload, match="zip bomb"):
        data.klines("BTCUSDT", "1m", 0, 2_000_000_000_000_000, venue="spot", kind="klines", until_us=2**60)
