"""Zip archives of one member whose bytes depend on the content alone.

Python's zipfile would do, at a third of the speed: zlib-ng compresses a day of trades in a fraction of a second.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from zlib_ng import zlib_ng

_VERSION = 20
_DEFLATED = 8
_SIZES_LATER = 0x08  # crc and sizes follow the data, in a data descriptor
_MODE = 0o100644 << 16
_LEVEL = 2


def write_zip(path: Path, *, member: str, chunks: Iterable[bytes], modified: datetime) -> None:
    """Write `chunks` as the only member of a new zip; `modified` is its time stamp. Holds one chunk in memory."""
    compressor = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)
    name = member.encode()
    stamp = _dos_time(modified)
    crc = size = packed = 0
    with path.open("wb") as file:
        local = struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", _VERSION, _SIZES_LATER, _DEFLATED, *stamp, 0, 0, 0, len(name), 0
        )
        file.write(local + name)
        for chunk in chunks:
            crc = zlib_ng.crc32(chunk, crc)
            size += len(chunk)
            packed += file.write(compressor.compress(chunk))
        packed += file.write(compressor.flush())
        file.write(struct.pack("<4s3L", b"PK\x07\x08", crc, packed, size))
        directory_at = file.tell()
        entry = struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x300 | _VERSION, _VERSION, _SIZES_LATER, _DEFLATED, *stamp,
            crc, packed, size, len(name), 0, 0, 0, 0, _MODE, 0,
        )  # fmt: skip
        file.write(entry + name)
        directory_size = file.tell() - directory_at
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, directory_size, directory_at, 0))


def _dos_time(moment: datetime) -> tuple[int, int]:
    """Time and date of a zip entry, to two seconds."""
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day
