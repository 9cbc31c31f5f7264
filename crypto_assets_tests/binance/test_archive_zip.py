"""Zips that cannot be trusted."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.binance.archive_zip import read_blocks, refuse_bomb
from crypto_assets.errors import BadPayload
from crypto_assets_tests.binance.zips import KLINE, file_bytes, write_zip, zip_bytes

FILE = ArchiveFile.spot_klines("BTCUSDT", "1m", date(2024, 8, 1))
MEMBER = "BTCUSDT-1m-2024-08-01.csv"


def read(path: Path) -> bytes:
    return b"".join(read_blocks(path))


def written(folder: Path, content: bytes) -> Path:
    path = folder / FILE.name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("block_bytes", [1, 7, 100, 1 << 20])
def test_blocks_hold_whole_lines_and_all_of_the_file(tmp_path: Path, block_bytes: int) -> None:
    lines = [b"%d,%d" % (n, n * n) for n in range(50)]
    path = write_zip(tmp_path, FILE, b"\n".join(lines))
    blocks = list(read_blocks(path, block_bytes=max(block_bytes, 4)))
    assert b"".join(blocks) == b"\n".join(lines)
    assert all(block.endswith(b"\n") for block in blocks[:-1])


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "holds 0 files"),
        ({MEMBER: b"1,2\n", "more.csv": b"1,2\n"}, "holds 2 files"),
        ({f"../{MEMBER}": b"1,2\n"}, "holds '../"),
        ({f"/{MEMBER}": b"1,2\n"}, "holds '"),
        ({"BTCUSDT-1m-2024-08-02.csv": b"1,2\n"}, "2024-08-02.csv', not BTCUSDT-1m-2024-08-01.csv"),
        ({MEMBER: b""}, "an empty file"),
        ({MEMBER: b"\n \r\n"}, "an empty file"),
        ({MEMBER: b"0" * (4 << 20)}, "a zip bomb"),
    ],
)
def test_a_zip_that_is_not_the_file_it_is_named_after_is_refused(
    tmp_path: Path, members: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(BadPayload, match=reason.replace("(", r"\(")):
        read(written(tmp_path, zip_bytes(members)))


def test_a_file_larger_than_any_of_the_archive_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, FILE, KLINE * 10)
    with pytest.raises(BadPayload, match="at most 100 are read"):
        list(read_blocks(path, largest_bytes=100))


@pytest.mark.parametrize(
    ("unzipped", "zipped", "reason"),
    [
        (64 << 30, 64 << 23, ""),
        ((64 << 30) + 1, 64 << 30, "it unzips to 68,719,476,737 bytes; at most 68,719,476,736 are read"),
        (1 << 20, 1, ""),
        ((1 << 20) + 1, 1, "it unzips from 1 to 1,048,577 bytes: no table, a zip bomb"),
        ((1 << 20) + 1, 0, "it unzips from 0 to 1,048,577 bytes: no table, a zip bomb"),
        (250 * 5_000, 5_000, ""),
        (250 * 5_000 + 1, 5_000, "it unzips from 5,000 to 1,250,001 bytes: no table, a zip bomb"),
    ],
)
def test_a_member_may_be_as_large_and_as_dense_as_a_table_can_be(unzipped: int, zipped: int, reason: str) -> None:
    member = zipfile.ZipInfo(MEMBER)
    member.file_size, member.compress_size = unzipped, zipped
    if not reason:
        refuse_bomb(member)
        return
    with pytest.raises(ValueError, match=f"^{reason}$"):
        refuse_bomb(member)


def test_a_file_may_be_as_large_as_is_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path, FILE, KLINE)
    assert b"".join(read_blocks(path, largest_bytes=len(KLINE))) == KLINE.encode()
    with pytest.raises(BadPayload, match=f"^{FILE.name}: it unzips to {len(KLINE)} bytes"):
        list(read_blocks(path, largest_bytes=len(KLINE) - 1))


def test_a_line_may_be_longer_than_a_block_but_not_than_two(tmp_path: Path) -> None:
    lines = [b"1" * 198, b"2" * 30, b"3" * 150]
    path = write_zip(tmp_path, FILE, b"\n".join(lines))
    assert list(read_blocks(path, block_bytes=100)) == [lines[0] + b"\n", lines[1] + b"\n", lines[2]]
    with pytest.raises(BadPayload, match=f"^{FILE.name} holds a line of more than 100 bytes$"):
        list(read_blocks(write_zip(tmp_path, FILE, b"1" * 200 + b"\n"), block_bytes=100))


def test_a_file_is_empty_only_where_no_block_holds_anything(tmp_path: Path) -> None:
    for csv in (b"1" + b"\n" * 9, b"\n" * 9 + b"1\n", b"\n" * 9 + b"1"):
        assert b"".join(read_blocks(write_zip(tmp_path, FILE, csv), block_bytes=3)) == csv
    with pytest.raises(BadPayload, match=f"^{FILE.name} holds an empty file$"):
        list(read_blocks(write_zip(tmp_path, FILE, b"\n" * 9 + b" "), block_bytes=3))


def test_a_member_of_a_very_long_name_is_named_in_part(tmp_path: Path) -> None:
    with pytest.raises(BadPayload) as caught:
        read(written(tmp_path, zip_bytes({"x" * 300: b"1\n"})))
    assert str(caught.value) == f"{FILE.name} holds '{'x' * 100}', not {MEMBER}"


def test_a_folder_in_place_of_a_zip_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE.name).mkdir()
    with pytest.raises(BadPayload, match=r"is not a zip that can be read: .*Is a directory"):
        read(tmp_path / FILE.name)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = write_zip(tmp_path, FILE, b"1" * 1000)
    with pytest.raises(BadPayload, match="a line of more than"):
        list(read_blocks(path, block_bytes=100))


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(file_bytes(FILE, KLINE))
    content[6] |= 1
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadPayload, match=r"not a zip"):
        read(written(tmp_path, bytes(content)))


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    content = file_bytes(FILE, "\n".join([KLINE] * 100))
    with pytest.raises(BadPayload, match="not a zip that can be read"):
        read(written(tmp_path, content[: len(content) // 2]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_corrupt_zip_is_refused_or_gives_the_bytes_it_was_made_of(tmp_path: Path, data: st.DataObject) -> None:
    csv = f"{KLINE}\n".encode() * 5
    content = bytearray(file_bytes(FILE, csv))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert read(written(tmp_path, bytes(content))) == csv
    except BadPayload:
        return


def test_a_missing_zip_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / FILE.name)


def test_a_zip_made_of_stored_members_is_read(tmp_path: Path) -> None:
    path = tmp_path / FILE.name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MEMBER, f"{KLINE}\n")
    assert read(path) == f"{KLINE}\n".encode()
