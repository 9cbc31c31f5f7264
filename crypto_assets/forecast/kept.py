"""What work that may be ended has come to, kept so that it goes on from there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from crypto_assets.errors import DAMAGED
from crypto_assets.lake.files import Files


class KeptArrays:
    """Arrays by name below a folder, those of each key in one file that is whole or not there.

    A key is made of everything that the arrays depend on: those of other data or options are never taken for them.
    """

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder

    def read(self, key: str) -> dict[str, npt.NDArray[np.generic]] | None:
        """The arrays of a key; None where none were kept. A damaged file is worth as much as none."""
        content = self._files.read(self._path(key))
        if content is None:
            return None
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if archive.testzip() is not None:  # NumPy takes the first line of an array for Python, whatever it is
                    return None
            with np.load(io.BytesIO(content), allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        except (*DAMAGED, OSError):
            return None

    def keep(self, key: str, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Publish the arrays in place of those before; raises LakeError where the store does not take them."""
        sink = io.BytesIO()
        np.savez(sink, **arrays)  # pyright: ignore[reportArgumentType]
        self._files.publish(self._path(key), sink.getvalue())

    def forget(self) -> None:
        """Remove those of every key, once what they led to is published."""
        for name in self._files.names(self._folder):
            self._files.remove(f"{self._folder}/{name}")

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}.npz"
