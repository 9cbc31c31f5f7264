"""Which model is in force, and which was at any moment: a ledger of promotions beside the models that it names.

Below the URI of the checkpoints:

    symbol=BTCUSDT/promotions.json                      the ledger; what it does not name is not promoted
    symbol=BTCUSDT/promoted/<model id>-<sha256>.keras   every model that was ever promoted, as it was judged
    symbol=BTCUSDT/lstm_checkpoint.keras                a copy of the symbol's model in force
    lstm_checkpoint.keras                               a copy of the model promoted last, of whatever symbol

A promotion writes them in the order promoted model, ledger, copies. Killed before the ledger, the former model is in
force and nothing names the new one; killed after it, the new one is, and the next promotion or `repair` mends the
copies, each of which is a whole model at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.card import ModelCard
from crypto_assets.lake.files import Files
from crypto_assets.spans import day_span

PROMOTED_FILE = "lstm_checkpoint.keras"
LEDGER_FILE = "promotions.json"
_SYMBOL = "symbol="


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the ledger: a model, and why it is used."""

    model_id: str
    symbol: str
    as_of_day: date
    """Last UTC day that the model, or any choice about it, has seen."""
    promoted_at: datetime
    verdict: str
    """The sentence of the evaluation that it was promoted on."""
    sha256: str
    """Of the model's file."""
    reason: str = ""
    """Why a person had it promoted against the verdict; empty where the verdict was enough."""

    @property
    def why(self) -> str:
        """Why it is used, wherever the model is shown: the verdict, and a person's reason where that was against it."""
        if not self.reason:
            return self.verdict
        return f"{self.verdict} Promoted by a person against this verdict: {self.reason}"


class _Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    promotions: tuple[Promotion, ...] = ()


class Promotions:
    """The ledgers of all symbols below one URI, and the files that they name."""

    def __init__(self, uri: str) -> None:
        self.files = Files(uri, variable="CHECKPOINTS_URI")

    def promote(self, card: ModelCard, content: bytes, *, verdict: str, now: datetime, reason: str = "") -> Promotion:
        """Put a model in force from `now` on; a model that is so already keeps its entry.

        Raises LakeError where something cannot be written: then the former model is in force still, unless the ledger
        names the new one already and only a copy is missing.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        symbol = card.symbol
        with self.files.alone(f"promotions-{symbol}"):
            ledger = self.all(symbol)
            same_day = [entry for entry in ledger if entry.as_of_day == card.as_of_day]
            newest = _newest(same_day)
            if newest is None or newest.sha256 != sha256:
                newest = Promotion(
                    model_id=card.model_id,
                    symbol=symbol,
                    as_of_day=card.as_of_day,
                    promoted_at=now,
                    verdict=verdict,
                    sha256=sha256,
                    reason=reason,
                )
                self.files.publish(_kept_path(newest), content)
                self.files.publish(_ledger_path(symbol), _encode((*ledger, newest)))
        self.repair(symbol)
        return newest

    def repair(self, symbol: str) -> None:
        """Make the copies those of the models in force; they differ only after a promotion that was cut short."""
        with self.files.alone("promotions-copies"):
            current = self.current(symbol)
            if current is None:
                return
            self.files.publish(f"{_SYMBOL}{symbol}/{PROMOTED_FILE}", self.content(current))
            held = [entry for other in self.symbols() if (entry := self.current(other)) is not None]
            last = max(held, key=lambda entry: (entry.promoted_at, entry.symbol))
            self.files.publish(PROMOTED_FILE, self.content(last))

    def all(self, symbol: str) -> tuple[Promotion, ...]:
        """Every promotion of a symbol, in the order in which they were made; raises CheckpointError on other bytes."""
        path = _ledger_path(symbol)
        raw = self.files.read(path)
        if raw is None:
            return ()
        try:
            return msgspec.json.decode(raw, type=_Ledger).promotions
        except msgspec.DecodeError as error:
            raise CheckpointError(
                f"{self.files.uri_of(path)} is no ledger of promotions: {error}. Models stay as they are; put the file "
                "back from a backup, or delete it to begin without a promoted model."
            ) from error

    def symbols(self) -> list[str]:
        """Symbols of which a model was ever promoted."""
        folders = [name.removeprefix(_SYMBOL) for name in self.files.folders("") if name.startswith(_SYMBOL)]
        return [symbol for symbol in folders if self.files.size(_ledger_path(symbol)) is not None]

    def current(self, symbol: str) -> Promotion | None:
        """The model in force: of the newest day, and of several of that day the one promoted last."""
        return _newest(self.all(symbol))

    def at(self, symbol: str, moment: datetime, *, backcast: bool = False) -> Promotion | None:
        """The model that was in force at a moment; None where there was none.

        It had seen nothing of what came after the moment: its day had ended. With `backcast` it may have been promoted
        later: what a model that could have been made by then would have said.
        """
        return _newest(
            entry
            for entry in self.all(symbol)
            if day_span(entry.as_of_day).end <= moment and (backcast or entry.promoted_at <= moment)
        )

    def content(self, promotion: Promotion) -> bytes:
        """The file of a promoted model; raises CheckpointError where it is gone or is not the one that was promoted."""
        path = _kept_path(promotion)
        content = self.files.read(path)
        if content is not None and hashlib.sha256(content).hexdigest() == promotion.sha256:
            return content
        what = "is not there" if content is None else f"has {len(content):,} bytes that are not those promoted"
        raise CheckpointError(
            f"{self.files.uri_of(path)} {what}. The ledger names {promotion.model_id}, promoted at "
            f"{promotion.promoted_at:%Y-%m-%d %H:%M} UTC: put that file back, or materialise lstm_checkpoint and "
            f"lstm_evaluation of {promotion.as_of_day}|{promotion.symbol} again."
        )


def _newest(entries: Iterable[Promotion]) -> Promotion | None:
    """Of the newest day, the one promoted last; of two promoted at once the one that was entered last."""
    best: Promotion | None = None
    for entry in entries:
        if best is None or (entry.as_of_day, entry.promoted_at) >= (best.as_of_day, best.promoted_at):
            best = entry
    return best


def _encode(promotions: tuple[Promotion, ...]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_Ledger(promotions)), indent=2)


def _ledger_path(symbol: str) -> str:
    return f"{_SYMBOL}{symbol}/{LEDGER_FILE}"


def _kept_path(promotion: Promotion) -> str:
    return f"{_SYMBOL}{promotion.symbol}/promoted/{promotion.model_id}-{promotion.sha256[:12]}.keras"
