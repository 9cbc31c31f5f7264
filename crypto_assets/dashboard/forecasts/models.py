"""Which models a symbol has: the one in force, and the newest that was made, with what is known of their worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.checkpoint import read_card
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.evaluations import Evaluations, ModelEvaluation
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.lake.lake import Lake


@dataclass(frozen=True, slots=True)
class Models:
    """What is known of a symbol's models."""

    in_force: Promotion | None
    evaluated: ModelEvaluation | None
    """The newest evaluation, of whichever model."""
    made: date | None
    """Day of the newest model."""
    card: ModelCard | None
    """Of the model in force, else of the newest one; None where there is none, or its file cannot be used."""
    problem: str = ""
    """Why the file cannot be used."""

    @property
    def is_promoted(self) -> bool:
        """Whether the card's model is in force."""
        return self.in_force is not None

    @property
    def waits(self) -> date | None:
        """Day of the newest model where nobody has judged it; None where it was."""
        judged = self.evaluated.as_of_day if self.evaluated else None
        return self.made if self.made is not None and (judged is None or judged < self.made) else None


def read_models(lake: Lake, checkpoints: Checkpoints, promotions: Promotions, symbol: str) -> Models:
    """The models of a symbol; raises LakeError, and CheckpointError where the ledger of promotions cannot be read."""
    in_force = promotions.current(symbol)
    evaluations = Evaluations(lake)
    days = evaluations.days(symbol)
    stored = evaluations.read(symbol, days[-1]) if days else None
    made = _newest_model(checkpoints, symbol)
    found = Models(in_force=in_force, evaluated=stored.evaluated if stored else None, made=made, card=None)
    try:
        return replace(found, card=_card(checkpoints, promotions, in_force, symbol, made))
    except CheckpointError as error:
        return replace(found, problem=str(error))


def _newest_model(checkpoints: Checkpoints, symbol: str) -> date | None:
    names = checkpoints.files.folders(f"symbol={symbol}")
    days = (date.fromisoformat(name.removeprefix("date=")) for name in names if name.startswith("date="))
    return next((day for day in sorted(days, reverse=True) if checkpoints.read(symbol, day) is not None), None)


def _card(
    checkpoints: Checkpoints, promotions: Promotions, in_force: Promotion | None, symbol: str, made: date | None
) -> ModelCard | None:
    if in_force is not None:
        return read_card(promotions.content(in_force))
    content = None if made is None else checkpoints.read(symbol, made)
    return None if content is None else read_card(content)
