"""What a worker leaves behind for the process that started it: a result, or an error as it was raised."""

from __future__ import annotations

from pathlib import Path

import msgspec

from crypto_assets import errors
from crypto_assets.errors import CryptoAssetsError, TrainingFailed


class _Done(msgspec.Struct, frozen=True, tag="done"):
    result: msgspec.Raw


class _Failed(msgspec.Struct, frozen=True, tag="failed"):
    error: str
    """Name of the class."""
    sentence: str


class AnswerFile:
    """A file that is written once, whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def done(self, result: msgspec.Struct) -> None:
        """The work is done."""
        self._write(_Done(msgspec.Raw(msgspec.json.encode(result))))

    def failed(self, error: CryptoAssetsError) -> None:
        """It ended with this error."""
        self._write(_Failed(type(error).__name__, str(error)))

    def read[R](self, kind: type[R]) -> R | None:
        """The result, None where there is no answer; raises the error that the worker ended with."""
        try:
            answer = msgspec.json.decode(self._path.read_bytes(), type=_Done | _Failed)
        except FileNotFoundError:
            return None
        if isinstance(answer, _Failed):
            raise _error_class(answer.error)(answer.sentence)
        return msgspec.json.decode(answer.result, type=kind)

    def _write(self, answer: _Done | _Failed) -> None:
        temporary = self._path.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.encode(answer))
        temporary.replace(self._path)


def _error_class(name: str) -> type[CryptoAssetsError]:
    """The class of that name in our tree; else TrainingFailed."""
    found: object = getattr(errors, name, None)
    if isinstance(found, type) and issubclass(found, CryptoAssetsError) and found not in _OF_MORE_THAN_WORDS:
        return found
    return TrainingFailed


_OF_MORE_THAN_WORDS = (errors.RateLimited, errors.ChecksumMismatch)
