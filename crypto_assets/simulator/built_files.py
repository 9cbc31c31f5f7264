"""Files that were made to be handed out, kept on disk until newer ones need their room."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file as it is handed out: the same content always has the same `sha256`."""

    path: Path
    size: int
    sha256: str


class BuiltFiles:
    """Makes each file once, however many ask for it at a time; the ones not asked for longest go first."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Hashable, BuiltFile] = OrderedDict()
        self._building: dict[Hashable, threading.Lock] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def get(self, key: Hashable, build: Callable[[Path], None]) -> BuiltFile:
        """The file of this key, written by `build` to the path that it is given if it is not there yet."""
        with self._lock:
            turn = self._building.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if (found := self._kept.get(key)) is not None:
                    self._kept.move_to_end(key)
                    return found
                path = self._folder / f"{next(self._numbers)}"
            try:
                build(path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return self._keep(key, path)

    def _keep(self, key: Hashable, path: Path) -> BuiltFile:
        built = BuiltFile(path, path.stat().st_size, _sha256(path))
        with self._lock:
            self._kept[key] = built
            held = sum(each.size for each in self._kept.values())
            while held > self._limit_bytes and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                held -= oldest.size
                oldest.path.unlink(missing_ok=True)
            self._building.pop(key, None)
        return built


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
