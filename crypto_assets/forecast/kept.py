"""What work that may be ended has come to, kept so that it goes on from there."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from crypto_assets.lake.files import Files

DIGEST_BYTES = hashlib.sha256().digest_size


class KeptArrays:
    """Arrays by name below a folder, those of each key in one file that is whole or not there.

    A key is made of everything that the arrays depend on: those of other data or options are never taken for them.
    """

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder

    def read(self, key: str) -> dict[str, npt.NDArray[np.generic]] | None:
        """The arrays of a key; None where none were kept. A damaged file is worth as much as none."""
        kept = self._files.read(self._path(key)) or b""
        digest, arrays = kept[:DIGEST_BYTES], kept[DIGEST_BYTES:]
        if _digest(arrays) != digest:
            return None
        with np.load(io.BytesIO(arrays), allow_pickle=False) as held:
            return {name: held[name] for name in held.files}

    def keep(self, key: str, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Publish the arrays in place of those before; raises LakeError where the store does not take them."""
        sink = io.BytesIO()
        np.savez(sink, **arrays)  # pyright: ignore[reportArgumentType]
        content = sink.getvalue()
        self._files.publish(self._path(key), _digest(content) + content)

    def forget(self) -> None:
        """Remove those of every key, once what they led to is published."""
        for name in self._files.names(self._folder):
            self._files.remove(f"{self._folder}/{name}")

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}.kept"


def _digest(content: bytes) -> bytes:
    """What a file begins with: of a zip whose list of files is damaged, less is read and nothing is missed."""
    return hashlib.sha256(content).digest()
