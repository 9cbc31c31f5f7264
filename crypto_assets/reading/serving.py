"""The only filesystem that DuckDB is given: the files of the relations asked for, to be read and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, BinaryIO

from fsspec.spec import AbstractFileSystem

from crypto_assets.reading.relations import Relation, Stored

SCHEME = "lake"
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class SharedFile:
    """A file that several threads read at once, each at a position of its own.

    DuckDB reads a piece by `seek` and then `read`, from whichever of its threads needs one: with one position for all,
    a thread would be handed what another one looked for.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._alone = threading.Lock()
        self._own = threading.local()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Where this thread reads next; from the start of the file, as nothing else is asked for."""
        if whence != os.SEEK_SET:
            raise ValueError(f"a position counts from the start of the file, not by {whence}")
        self._own.position = offset
        return offset

    def tell(self) -> int:
        """Where this thread reads next."""
        return getattr(self._own, "position", 0)

    def read(self, size: int = -1) -> bytes:
        """The bytes from this thread's position on, which moves past them."""
        with self._alone:
            self._file.seek(self.tell())
            content = self._file.read(size)
        self._own.position = self.tell() + len(content)
        return content

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class ServedFiles(AbstractFileSystem):
    """Files by made-up paths, `lake://gold_features/symbol=BTCUSDT/date=2024-08-01/0.parquet`.

    No path of a query can lead anywhere else, whatever it looks like: it is a key of a dictionary. A file that was
    replaced since it was first opened is not mixed with its former self: the query fails, and `changed` says why.
    """

    protocol = SCHEME
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._served: dict[str, Stored] = {}
        self._versions: dict[str, object] = {}
        self.changed = ""
        """URI of a file that was replaced or removed while it was read; empty where none was."""
        self.refused = ""
        """What a query tried that is not to be done; empty where it only read."""

    def serve(self, relation: Relation, found: Iterable[Stored]) -> list[str]:
        """Serve these files of a relation; their paths, in the same order."""
        paths: list[str] = []
        for number, stored in enumerate(found):
            folders = "/".join(f"{key}={stored.keys[key]}" for key in relation.keys)
            path = f"{relation.name}/{folders}/{number}.parquet"
            self._served[path] = stored
            paths.append(f"{SCHEME}://{path}")
        return paths

    def glob(self, path: str, *_: Any, **__: Any) -> list[str]:
        """The path itself where it is served; raises PermissionError for any other."""
        bare = _bare(path)
        if bare not in self._served:
            self.refused = "it reads datasets by their names, no file"
            raise PermissionError(self.refused)
        return [bare]

    def exists(self, path: str, **_: Any) -> bool:
        """Whether it is served."""
        return _bare(path) in self._served

    def isfile(self, path: str) -> bool:
        """Whether it is served."""
        return _bare(path) in self._served

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size of a file; raises FileNotFoundError where it is not served."""
        bare = _bare(path)
        return {"name": bare, "size": self._stored(bare).bytes, "type": "file"}

    def modified(self, path: str) -> datetime:  # noqa: ARG002
        """Always the same: what is served does not change while it is."""
        return _NEVER

    def open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> Any:
        """A served file, binary; raises PermissionError for any other use than to read."""
        if mode != "rb":
            self.refused = "it may only read"
            raise PermissionError(self.refused)
        stored = self._stored(_bare(path))
        try:
            opened = stored.files.open(stored.path)
        except FileNotFoundError:
            self.changed = stored.files.uri_of(stored.path)
            raise
        same = self._versions.setdefault(stored.path, opened.version) == opened.version
        if not same or opened.bytes != stored.bytes:
            opened.file.close()
            self.changed = stored.files.uri_of(stored.path)
            raise FileNotFoundError(self.changed)
        return SharedFile(opened.file)

    def _stored(self, bare: str) -> Stored:
        try:
            return self._served[bare]
        except KeyError:
            raise FileNotFoundError(bare) from None


def _bare(path: str) -> str:
    return path.removeprefix(f"{SCHEME}://")
