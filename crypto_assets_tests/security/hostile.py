"""Files that are made to harm whoever opens them, and a look at the memory that opening takes."""

from __future__ import annotations

import gzip
import io
import random
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MEBIBYTE = 1 << 20
HEADER = b"open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume\n"
ROW = b"1722816000000,1,2,1,2,5,1722816059999,7,3,2,3\n"


def bytes_needed(work: Callable[[], object]) -> int:
    """How much the memory of this process has grown beyond what it ever took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def zip_bomb(path: Path, *, name: str, size: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        for _ in range(size // MEBIBYTE):
            member.write(b"0" * MEBIBYTE)
    return path


def lying_zip(path: Path, *, name: str) -> Path:
    """One whose member says that it is small, and unzips to 64 MiB."""
    zip_bomb(path, name=name, size=64 * MEBIBYTE)
    content = bytearray(path.read_bytes())
    content[22:26] = struct.pack("<I", 40)
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 40)
    path.write_bytes(content)
    return path


def encrypted_zip(path: Path, *, name: str) -> Path:
    zip_of(path, {name: HEADER + ROW})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


def corrupt_zip(path: Path, *, name: str) -> Path:
    """One with another sum than its content has."""
    zip_of(path, {name: HEADER + ROW * 50})
    content = bytearray(path.read_bytes())
    content[14] ^= 0xFF
    content[content.rindex(b"PK\x01\x02") + 16] ^= 0xFF
    path.write_bytes(content)
    return path


def gzip_bomb(path: Path, *, of: bytes, header: bytes = b"", level: int = 1) -> Path:
    """256 MiB of the same again and again; packed at level 1 it is not denser than a table may be."""
    piece = of * (MEBIBYTE // len(of))
    with gzip.open(path, "wb", compresslevel=level) as packed:
        packed.write(header)
        for _ in range(256):
            packed.write(piece)
    return path


def parquet_of(path: Path, table: pa.Table, **options: object) -> Path:
    pq.write_table(table, path, **options)
    return path


def dictionary_bomb(path: Path) -> Path:
    """A text of one mebibyte that 100,000 rows name."""
    drawn = random.Random(5).randbytes(MEBIBYTE // 2).hex()
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array([drawn]))
    return parquet_of(path, pa.table({"open_time": text}), compression="zstd", store_schema=False)


def row_bomb(path: Path) -> Path:
    """A billion rows, so its footer says, in some kilobytes."""
    zeros = pa.array([0] * 10_000_000, pa.int64())
    return parquet_of(path, pa.table({"open_time": zeros}), compression="zstd")


def page_bomb(path: Path) -> Path:
    """Pages of zeros that unpack to 256 MiB."""
    zeros = pa.array(bytes(MEBIBYTE) for _ in range(256))
    return parquet_of(path, pa.table({"open_time": zeros}), compression="zstd", use_dictionary=False)


def wide_parquet(path: Path) -> Path:
    return parquet_of(path, pa.table({f"c{number}": [1] for number in range(2_000)}))


def garbled_parquet(path: Path) -> Path:
    """One whose footer is bytes of no meaning, of the right length."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"open_time": [1, 2]}), sink)
    content = bytearray(sink.getvalue())
    length = struct.unpack("<I", content[-8:-4])[0]
    content[-8 - length : -8] = bytes((37 * n) % 256 for n in range(length))
    path.write_bytes(content)
    return path
