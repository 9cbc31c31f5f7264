"""Requests to train a model again before its week is over: a small file for each symbol below the lake."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from crypto_assets.errors import LakeError
from crypto_assets.lake.files import Files

LEAST_DAYS_APART = 3
"""No training is asked for this soon after another: it would see most of the same days, and judge them alike."""
_FOLDER = "forecast/retraining"


class RetrainRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is to be trained again, and what was seen."""

    symbol: str
    day: date
    """UTC day on which it was seen; a training as of this day or a later one answers the request."""
    model_id: str
    """The model that it was seen of."""
    reasons: tuple[str, ...]
    """Sentences."""

    def is_answered(self, trained: Iterable[date]) -> bool:
        """Whether one of the days that models were trained as of has seen what the request is about."""
        return any(day >= self.day for day in trained)


class RetrainRequests:
    """The requests of a lake; a symbol has one at most."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def of(self, symbol: str) -> RetrainRequest | None:
        """The open request of a symbol; raises LakeError where the file holds something else."""
        raw = self._files.read(_path(symbol))
        if raw is None:
            return None
        try:
            return msgspec.json.decode(raw, type=RetrainRequest)
        except msgspec.DecodeError as error:
            uri = self._files.uri_of(_path(symbol))
            raise LakeError(f"{uri} is no request to train: {error}. Delete it: a drift is noticed again.") from error

    def ask(self, request: RetrainRequest) -> RetrainRequest:
        """Leave the request, unless one is open already; the one that is open then."""
        held = self.of(request.symbol)
        if held is not None:
            return held
        self._files.publish(_path(request.symbol), msgspec.json.format(msgspec.json.encode(request), indent=2))
        return request

    def clear(self, symbol: str) -> None:
        """Forget the request of a symbol; without one, fine."""
        self._files.remove(_path(symbol))


def trained_days(keys: Iterable[str]) -> dict[str, list[date]]:
    """Days of each symbol that a model was trained as of, ascending, from keys of partitions."""
    found: dict[str, list[date]] = {}
    for key in sorted(keys):
        day, _, symbol = key.partition("|")
        found.setdefault(symbol, []).append(date.fromisoformat(day))
    return found


def too_near(day: date, trained: Iterable[date]) -> date | None:
    """The newest day that a model was trained as of, where it is too near `day` to ask for another; None where not."""
    return max((other for other in trained if other > day - timedelta(days=LEAST_DAYS_APART)), default=None)


def _path(symbol: str) -> str:
    return f"{_FOLDER}/symbol={symbol}.json"
