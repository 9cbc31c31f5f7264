"""Archive files made for tests."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from crypto_assets.binance.archive_paths import ArchiveFile

KLINE = (
    "1722470400000,64000.10,64010.00,63990.50,64005.00,12.50000000,1722470459999,800000.12345678,100,6.25,400000.1,0"
)
"""The first minute of 2024-08-01."""


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """A zip of the members, the same bytes whenever it is made: each process of a test run names its tests by them."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, date_time=(2024, 8, 2, 1, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return sink.getvalue()


def file_bytes(file: ArchiveFile, csv: bytes | str) -> bytes:
    """The zip as the archive has it."""
    content = csv.encode() if isinstance(csv, str) else csv
    return zip_bytes({f"{file.name.removesuffix('.zip')}.csv": content})


def write_zip(folder: Path, file: ArchiveFile, csv: bytes | str) -> Path:
    """A zip of the file's own name, with the CSV in it."""
    path = folder / file.name
    path.write_bytes(file_bytes(file, csv))
    return path


def checksum_of(content: bytes, name: str) -> bytes:
    """The text of a `.CHECKSUM`."""
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()
