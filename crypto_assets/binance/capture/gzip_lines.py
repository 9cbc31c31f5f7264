"""The lines of a gzip file as far as it can be read, however it ends."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

READ_BYTES = 256 * 1024
PIECE_BYTES = 4 * 1024 * 1024
"""Most that is decompressed at once: a file of zeros must not fill the memory."""
LONGEST_LINE = 16 * 1024 * 1024
"""A snapshot of 5,000 levels has 0.4 MB; what is longer is no line."""

_GZIP = 16 + zlib.MAX_WBITS


class GzipLines:
    """Iterates over lines without their end; several gzip members one after the other are one file.

    Never raises on content: after the last line `damage` says why the file could not be read to its end, and `rest`
    holds the beginning of the line in which it stopped.
    """

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self.damage: str | None = None
        self.rest = b""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces():
            *lines, self.rest = (self.rest + piece).split(b"\n")
            yield from lines
            if len(self.rest) > LONGEST_LINE:
                self.damage = f"a line is longer than {LONGEST_LINE:,} bytes; nothing after it was read"
                self.rest = self.rest[:1000]
                return
        if self.damage is None and self.rest:
            last, self.rest = self.rest, b""
            yield last

    def _pieces(self) -> Iterator[bytes]:
        member, begun, empty = zlib.decompressobj(_GZIP), False, True
        while packed := self._content.read(READ_BYTES):
            empty = False
            while packed:
                packed = packed if begun else packed.lstrip(b"\0")  # disk images pad with zeros
                begun = begun or bool(packed)
                try:
                    piece = member.decompress(packed, PIECE_BYTES)
                except zlib.error as error:
                    self.damage = f"the gzip data are damaged, nothing after this could be read: {error}"
                    return
                yield piece
                packed = member.unconsumed_tail
                if member.eof:
                    packed, member, begun = member.unused_data, zlib.decompressobj(_GZIP), False
        if begun:
            yield member.flush()
        if empty:
            self.damage = "the file is empty"
        elif begun and not member.eof:
            self.damage = "the file is cut: its gzip data end in the middle"
