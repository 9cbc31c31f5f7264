"""Where capture files lie: `{spot,usdm}/<symbol>_<yyyymmdd>.gz` below a folder or URL."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from crypto_assets.binance.capture.messages import CaptureMarket
from crypto_assets.errors import Unavailable
from crypto_assets.lake.files import filesystem_of

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class CaptureName:
    """A day of one symbol and market, as recorders name it: by the receive time of its messages."""

    market: CaptureMarket
    symbol: str
    day: date

    def __str__(self) -> str:
        return f"{self.market}/{self.symbol.lower()}_{self.day:%Y%m%d}.gz"


class CaptureStore:
    """Finds and opens capture files below one URI that fsspec knows."""

    def __init__(self, uri: str) -> None:
        self._fs, self._root = filesystem_of(uri)
        # A web server hands a file out in one stream: asking it for blocks would build the file once a block.
        self._open_options = {"block_size": 0} if uri.startswith(("http://", "https://")) else {}
        self.uri = uri.rstrip("/")

    def identity(self, name: CaptureName) -> str | None:
        """Something that changes when the file's content may have changed; None where there is no such file."""
        try:
            info = self._fs.info(self._full(name))
        except OSError as error:
            # Over HTTP fsspec says "not found" of every failure; what it was is the cause.
            reason = error.__cause__ or error
            if isinstance(reason, FileNotFoundError) or getattr(reason, "status", None) == NOT_FOUND:
                return None
            message = f"Capture files below {self.uri} cannot be looked at: {reason!r}. Check CAPTURE_URI."
            raise Unavailable(message) from error
        facts = [str(info.get(key)) for key in ("ETag", "etag", "mtime", "LastModified", "size")]
        return hashlib.sha256("|".join(facts).encode()).hexdigest()

    @contextmanager
    def open(self, name: CaptureName) -> Generator[BinaryIO]:
        """The file's bytes, to be read once from the start; raises Unavailable where reading breaks off."""
        try:
            with self._fs.open(self._full(name), "rb", **self._open_options) as content:
                yield content
        except OSError as error:
            raise Unavailable(f"Capture file {name} cannot be read from {self.uri}: {error}") from error

    def _full(self, name: CaptureName) -> str:
        return f"{self._root.rstrip('/')}/{name}"
