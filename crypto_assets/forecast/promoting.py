"""Putting a model in force: every doubt about it and its evaluation first, then its verdict, or a person's reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import numpy as np
import pyarrow as pa

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.checkpoint import read_card
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.evaluating import kinds_of
from crypto_assets.forecast.evaluations import JUDGE_AGAIN, Evaluations, ModelEvaluation
from crypto_assets.forecast.judge.figures import MODEL, Cell
from crypto_assets.forecast.judge.verdict import judge
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.lake.lake import Lake

SAME_FIGURE = 1e-9
"""Relative; the order in which squares are summed changes less."""
BPS = 1e4


@dataclass(frozen=True, slots=True)
class JudgedModel:
    """A stored evaluation, and the stores around it."""

    evaluated: ModelEvaluation
    forecasts: pa.Table
    checkpoints: Checkpoints
    promotions: Promotions


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a model that was judged."""

    promoted: bool
    sentence: str
    takes_a_reason: bool = False
    """Where it was not promoted: whether a person's reason would have it promoted all the same."""


def read_judged(
    lake: Lake, symbol: str, day: date, *, checkpoints: Checkpoints, promotions: Promotions
) -> JudgedModel | None:
    """The evaluation of a day of a symbol with what is around it; None where there is none."""
    evaluations = Evaluations(lake)
    stored = evaluations.read(symbol, day)
    if stored is None:
        return None
    forecasts = evaluations.forecasts(stored.evaluated)
    return JudgedModel(stored.evaluated, forecasts, checkpoints, promotions)


def promote_or_say_why_not(model: JudgedModel, *, market_time: Callable[[], datetime], reason: str = "") -> Decision:
    """Put the model in force where every doubt is out, and its verdict allows it or a person has a reason.

    `market_time` is what the exchange's clock shows: what `promoted_at` is compared with are moments of its candles.
    Twice is once. Raises Unavailable where the exchange's clock does not answer, and LakeError where the ledger cannot
    be written.
    """
    evaluated, promotions = model.evaluated, model.promotions
    content = model.checkpoints.read(evaluated.symbol, evaluated.as_of_day)
    doubt = _doubt_about(model, content)
    current = promotions.current(evaluated.symbol)
    if doubt is not None or content is None:
        return Decision(False, f"{doubt} {_stays(current)}")
    if evaluated.leaks:
        first, *others = evaluated.leaks
        more = f" And {len(others)} more." if others else ""
        return Decision(False, f"Leak: {first}{more} {_stays(current)}")
    verdict = evaluated.verdict
    if not verdict.promote and not reason:
        sentence = f"{evaluated.model_id} {verdict.sentence} {_stays(current)}"
        return Decision(False, sentence, takes_a_reason=True)
    against = "" if verdict.promote else reason
    card, now = read_card(content), market_time()
    entry = promotions.promote(card, content, verdict=verdict.sentence, now=now, reason=against)
    newest = promotions.current(evaluated.symbol)
    rest = f"In force since {entry.promoted_at:%Y-%m-%d %H:%M} UTC."
    if newest is not None and newest != entry:
        rest += f" {newest.model_id}, of a later day, is what foretells from now on."
    why = verdict.sentence if verdict.promote else entry.why
    return Decision(True, f"{evaluated.model_id} {why} {rest}")


def figures_of_model(evaluated: ModelEvaluation) -> list[Cell]:
    """Figures of the model on all rows of a fold."""
    cells = evaluated.evaluation.cells
    return [cell for cell in cells if cell.forecaster == MODEL and cell.fold is not None and cell.regime is None]


def unlike_the_forecasts(evaluated: ModelEvaluation, forecasts: pa.Table) -> list[str]:
    """A sentence for each of the `figures_of_model` that does not come out of the forecasts, computed anew."""
    columns = {name: forecasts[name].to_numpy() for name in ("fold", "seed", "horizon", "realised", "forecast")}
    wrong: list[str] = []
    for cell in figures_of_model(evaluated):
        of_cell = (columns["fold"] == cell.fold) & (columns["seed"] == cell.seed) & (columns["horizon"] == cell.horizon)
        realised, forecast = columns["realised"][of_cell], columns["forecast"][of_cell]
        where = f"fold {cell.fold}, seed {cell.seed}, {cell.horizon} rows ahead:"
        if realised.size != cell.rows or cell.errors is None:
            wrong.append(f"{where} {cell.rows:,} rows were judged, and there are {realised.size:,}.")
            continue
        rmse_bps = BPS * float(np.sqrt(np.mean((forecast - realised) ** 2)))
        naive = float(np.mean(realised**2))
        skill = 1 - float(np.mean((forecast - realised) ** 2)) / naive if naive > 0 else None
        if not np.isclose(rmse_bps, cell.errors.rmse_bps, rtol=SAME_FIGURE, atol=0):
            wrong.append(f"{where} RMSE is {cell.errors.rmse_bps:.6g} bps, and comes out as {rmse_bps:.6g}.")
        elif skill is not None and not np.isclose(skill, cell.errors.skill or 0.0, rtol=SAME_FIGURE, atol=SAME_FIGURE):
            wrong.append(f"{where} skill is {cell.errors.skill:.6g}, and comes out as {skill:.6g}.")
    return wrong


def _doubt_about(model: JudgedModel, content: bytes | None) -> str | None:
    """Why the stored verdict must not be acted on; None where it may."""
    evaluated = model.evaluated
    if content is None:
        return f"The model that was judged, {evaluated.model_id}, is gone. Materialise lstm_checkpoint again."
    if hashlib.sha256(content).hexdigest() != evaluated.checkpoint_sha256:
        what = f"The stored model is not the one that was judged, {evaluated.model_id}: its sha256 differs."
        return f"{what} {JUDGE_AGAIN}"
    try:
        card = read_card(content)
    except CheckpointError as error:
        return str(error)
    other = _other(card, evaluated)
    if other:
        return f"The stored model does not belong to the evaluation: {other}. {JUDGE_AGAIN}"
    again = judge(evaluated.evaluation, leaks=kinds_of(evaluated.leaks))
    # words may change between versions
    if msgspec.structs.replace(again, sentence=evaluated.verdict.sentence) != evaluated.verdict:
        return f"The stored figures do not give the stored verdict: {evaluated.verdict.sentence} {JUDGE_AGAIN}"
    wrong = unlike_the_forecasts(evaluated, model.forecasts)
    return f"The stored figures are not those of the stored forecasts: {wrong[0]} {JUDGE_AGAIN}" if wrong else None


def _other(card: ModelCard, evaluated: ModelEvaluation) -> str:
    pairs = {
        "model_id": (card.model_id, evaluated.model_id),
        "symbol": (card.symbol, evaluated.symbol),
        "as_of_day": (card.as_of_day, evaluated.as_of_day),
        "training_set_sha256": (card.training_set_sha256, evaluated.training_set_sha256),
        "horizons": (card.data.horizons, evaluated.evaluation.horizons),
    }
    return "; ".join(
        f"{name} is {its}, and {judged} was judged" for name, (its, judged) in pairs.items() if its != judged
    )


def _stays(current: Promotion | None) -> str:
    if current is None:
        return "There is no promoted model."
    return f"The promoted model stays {current.model_id} (as of {current.as_of_day})."
