"""The models of every day and symbol, below one URI."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date

from crypto_assets.forecast.card import ModelCard, as_markdown, encode_card
from crypto_assets.forecast.kept import KeptArrays
from crypto_assets.forecast.training_state import EpochKeeper
from crypto_assets.identifiers import checked_symbol
from crypto_assets.lake.files import Files

NAME = "lstm_checkpoint"
_SYMBOL, _DATE = "symbol=", "date="


def checkpoint_folder(symbol: str, day: date) -> str:
    """Where the model of a day lies; raises ValueError for a text that is no symbol."""
    return f"{_SYMBOL}{checked_symbol(symbol)}/{_DATE}{day.isoformat()}"


class Checkpoints:
    """Reads and publishes models; raises LakeError where the store cannot be used, and then keeps what was there."""

    def __init__(self, uri: str) -> None:
        self.files = Files(uri, variable="CHECKPOINTS_URI")

    def uri_of(self, symbol: str, day: date) -> str:
        """URI of a day's model."""
        return self.files.uri_of(_path(symbol, day, "keras"))

    def read(self, symbol: str, day: date) -> bytes | None:
        """The file of a day's model; None where there is none."""
        return self.files.read(_path(symbol, day, "keras"))

    def symbols(self) -> list[str]:
        """Symbols that have a folder of models, sorted."""
        return [name.removeprefix(_SYMBOL) for name in self.files.folders("") if name.startswith(_SYMBOL)]

    def days(self, symbol: str) -> list[date]:
        """Days of a symbol that have a model, ascending."""
        named = self.files.folders(f"{_SYMBOL}{checked_symbol(symbol)}")
        days = [date.fromisoformat(name.removeprefix(_DATE)) for name in named if name.startswith(_DATE)]
        return [day for day in days if self.files.size(_path(symbol, day, "keras")) is not None]

    def publish(self, symbol: str, day: date, *, content: bytes, card: ModelCard) -> bool:
        """Make this the model of the day, whole or not at all; False where it was so already.

        The card is inside the file; the JSON and Markdown beside it are copies, written after it and again by the next
        publication where this one is cut short.
        """
        changed = self.files.publish(_path(symbol, day, "keras"), content)
        self.files.publish(_path(symbol, day, "json"), encode_card(card))
        self.files.publish(_path(symbol, day, "md"), as_markdown(card).encode())
        return changed

    def keeper(self, symbol: str, day: date, *, key: str) -> EpochKeeper:
        """What keeps the epochs of a training of this day until its model is published."""
        return EpochKeeper(self._kept(symbol, day), key=key)

    def forget_epochs(self, symbol: str, day: date) -> None:
        """Remove what trainings of this day kept, whatever their options; for who holds `training`."""
        self._kept(symbol, day).forget()

    @contextmanager
    def training(self, symbol: str, day: date, *, on_wait: Callable[[], None] | None = None) -> Generator[None]:
        """Train the day's model alone, among the processes of this host; another one is told, and waits."""
        with self.files.alone(f"training-{symbol}-{day}", on_wait=on_wait):
            yield

    def _kept(self, symbol: str, day: date) -> KeptArrays:
        return KeptArrays(self.files, f"{checkpoint_folder(symbol, day)}/_training")


def _path(symbol: str, day: date, kind: str) -> str:
    return f"{checkpoint_folder(symbol, day)}/{NAME}.{kind}"
