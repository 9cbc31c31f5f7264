"""`file://` addresses for the HTTP client: a folder laid out like the archive answers as a server would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx

from crypto_assets.errors import Refused

_CHUNK_BYTES = 1 << 20


class FileTransport(httpx.BaseTransport):
    """Answers GET with 200 and the file, or 404; raises Refused for a file that may not be read."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = Path(unquote(request.url.path))
        try:
            if not path.is_file():
                return httpx.Response(404)
            file = path.open("rb")
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}") from error
        with file:
            size = path.stat().st_size
        return httpx.Response(200, headers={"Content-Length": str(size)}, stream=_FileStream(path))


class _FileStream(httpx.SyncByteStream):
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
