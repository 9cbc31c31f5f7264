"""The one CSV inside a zip of the archive, read without trusting the zip."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from crypto_assets.errors import DAMAGED, BadPayload

BLOCK_BYTES = 32 << 20
LARGEST_CSV_BYTES = 64 << 30  # several times a month of the busiest symbol's trades
LARGEST_RATIO = 250  # candles of an idle symbol reach about 60; deflate's limit, a bomb's, is 1,032
RATIO_MATTERS_FROM = 1 << 20  # bytes; a tiny file may compress as well as it likes


def read_blocks(
    path: Path, *, block_bytes: int = BLOCK_BYTES, largest_bytes: int = LARGEST_CSV_BYTES
) -> Iterator[bytes]:
    """The CSV in the zip at `path` as blocks of whole lines; nothing is written to disk.

    Raises BadPayload, saying why, for a corrupt or encrypted zip, more or less than one member, a member that is not
    `<zip's name>.csv` (so also one with a path outside), one that unzips to more than `largest_bytes` or to more than
    250 times its size, a line longer than a block, and an empty file.
    """
    begun = b""
    empty = True
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, path, largest_bytes)) as stream:
            while chunk := stream.read(block_bytes):
                begun += chunk
                end = begun.rfind(b"\n") + 1
                if not end and len(begun) >= 2 * block_bytes:
                    raise BadPayload(f"{path.name} holds a line of more than {block_bytes:,} bytes")
                if end:
                    empty = empty and not begun[:end].strip()
                    yield begun[:end]
                    begun = begun[end:]
    except DAMAGED as error:
        raise BadPayload(f"{path.name} is not a zip that can be read: {error}") from error
    except OSError as error:
        if not path.exists():
            raise
        raise BadPayload(f"{path.name} is not a zip that can be read: {error}") from error
    if begun:
        empty = empty and not begun.strip()
        yield begun
    if empty:
        raise BadPayload(f"{path.name} holds an empty file")


def _only_member(archive: zipfile.ZipFile, path: Path, largest_bytes: int) -> zipfile.ZipInfo:
    members = archive.infolist()
    expected = f"{path.stem}.csv"
    if len(members) != 1:
        raise BadPayload(f"{path.name} holds {len(members)} files, not just {expected}")
    member = members[0]
    if member.filename != expected:
        raise BadPayload(f"{path.name} holds {member.filename[:100]!r}, not {expected}")
    try:
        refuse_bomb(member, largest_bytes=largest_bytes)
    except ValueError as error:
        raise BadPayload(f"{path.name}: {error}") from None
    return member


def refuse_bomb(member: zipfile.ZipInfo, *, largest_bytes: int = LARGEST_CSV_BYTES) -> None:
    """Raise ValueError where a member says that it unzips to more than a table would; no more than it says is read."""
    if member.file_size > largest_bytes:
        raise ValueError(f"it unzips to {member.file_size:,} bytes; at most {largest_bytes:,} are read")
    too_dense = member.file_size > LARGEST_RATIO * max(member.compress_size, 1)
    if too_dense and member.file_size > RATIO_MATTERS_FROM:
        raise ValueError(f"it unzips from {member.compress_size:,} to {member.file_size:,} bytes: no table, a zip bomb")
