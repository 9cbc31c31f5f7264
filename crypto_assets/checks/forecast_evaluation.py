"""Checks of evaluations: whether the figures are those of the forecasts, and the one that puts a model in force."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import dagster as dg
import msgspec
import numpy as np
import pyarrow as pa

from crypto_assets.checks.day_checks import DayCheck, check_specs, judge_days
from crypto_assets.checks.findings import ERROR, WARN, Finding
from crypto_assets.config import read_settings
from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.checkpoint import read_card
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.evaluating import kinds_of
from crypto_assets.forecast.evaluations import LSTM_EVALUATION, Evaluations, ModelEvaluation
from crypto_assets.forecast.judge.figures import MODEL, Cell
from crypto_assets.forecast.judge.verdict import judge
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from resources.checkpoints import CheckpointsResource
from resources.exchange import exchange_now
from resources.lake import LakeResource

SAME_FIGURE = 1e-9
"""Relative; the order in which squares are summed changes less."""
BPS = 1e4
_AGAIN = "Materialise lstm_evaluation of this day again."


@dataclass(frozen=True, slots=True)
class EvaluatedDay:
    """A stored evaluation, and the stores around it."""

    evaluated: ModelEvaluation
    forecasts: pa.Table
    checkpoints: Checkpoints
    promotions: Promotions
    now: datetime
    """By the exchange's clock: what `promoted_at` is compared with are moments of its candles."""


def forecast_evaluation_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of the evaluation. `promotion` writes: it alone puts models in force."""
    checks = [
        DayCheck(
            "promotion",
            "The model is better than every baseline with significance on the newest fold, nothing leaked, and the "
            "stored model is the one that was judged: then it is put in force. Where it is not better the former model "
            "stays, which is a warning and no failure.",
            promote_or_say_why_not,
            blocking=True,
        ),
        DayCheck("figures", "The stored figures are those of the stored forecasts, computed anew.", check_figures),
    ]

    @dg.multi_asset_check(
        name=f"{LSTM_EVALUATION.name}_checks", specs=check_specs(LSTM_EVALUATION, checks), can_subset=True
    )
    def check_evaluations(
        context: dg.AssetCheckExecutionContext, lake: LakeResource, checkpoints: CheckpointsResource
    ) -> Iterator[dg.AssetCheckResult]:
        read = partial(read_evaluated, checkpoints=checkpoints.checkpoints, promotions=Promotions(checkpoints.uri))
        yield from judge_days(context, lake.lake, LSTM_EVALUATION, days, checks=checks, read=read)

    return [check_evaluations]


def read_evaluated(
    lake: Lake, partition: Partition, now: datetime, *, checkpoints: Checkpoints, promotions: Promotions
) -> EvaluatedDay | None:
    """The evaluation of a day of a symbol with what is around it; None where there is none."""
    evaluations = Evaluations(lake)
    stored = evaluations.read(partition.symbol, partition.day)
    if stored is None:
        return None
    forecasts = evaluations.forecasts(stored.evaluated)
    market_time = exchange_now(read_settings(), wall=now)
    return EvaluatedDay(stored.evaluated, forecasts, checkpoints, promotions, market_time)


def promote_or_say_why_not(day: EvaluatedDay, *, reason: str = "") -> Finding:
    """Put the model in force where every doubt is out, and its verdict allows it or a person has a reason.

    Twice is once.
    """
    evaluated, promotions = day.evaluated, day.promotions
    numbers = _numbers(evaluated)
    content = day.checkpoints.read(evaluated.symbol, evaluated.as_of_day)
    doubt = _doubt_about(day, content)
    current = promotions.current(evaluated.symbol)
    if doubt is not None or content is None:
        return Finding(False, f"{doubt} {_stays(current)}", numbers, ERROR)
    if evaluated.leaks:
        first, *others = evaluated.leaks
        more = f" And {len(others)} more." if others else ""
        return Finding(False, f"Leak: {first}{more} {_stays(current)}", numbers, ERROR)
    verdict = evaluated.verdict
    if not verdict.promote and not reason:
        return Finding(False, f"{evaluated.model_id} {verdict.sentence} {_stays(current)}", numbers, WARN)
    against = "" if verdict.promote else reason
    entry = promotions.promote(read_card(content), content, verdict=verdict.sentence, now=day.now, reason=against)
    newest = promotions.current(evaluated.symbol)
    rest = f"In force since {entry.promoted_at:%Y-%m-%d %H:%M} UTC."
    if newest is not None and newest != entry:
        rest += f" {newest.model_id}, of a later day, is what foretells from now on."
    why = verdict.sentence if verdict.promote else entry.why
    return Finding(True, f"{evaluated.model_id} {why} {rest}", numbers)


def _doubt_about(day: EvaluatedDay, content: bytes | None) -> str | None:
    """Why the stored verdict must not be acted on; None where it may."""
    evaluated = day.evaluated
    if content is None:
        return f"The model that was judged, {evaluated.model_id}, is gone. Materialise lstm_checkpoint again."
    if hashlib.sha256(content).hexdigest() != evaluated.checkpoint_sha256:
        return f"The stored model is not the one that was judged, {evaluated.model_id}: its sha256 differs. {_AGAIN}"
    try:
        card = read_card(content)
    except CheckpointError as error:
        return str(error)
    other = _other(card, evaluated)
    if other:
        return f"The stored model does not belong to the evaluation: {other}. {_AGAIN}"
    again = judge(evaluated.evaluation, leaks=kinds_of(evaluated.leaks))
    # words may change between versions
    if msgspec.structs.replace(again, sentence=evaluated.verdict.sentence) != evaluated.verdict:
        return f"The stored figures do not give the stored verdict: {evaluated.verdict.sentence} {_AGAIN}"
    wrong = _unlike_the_forecasts(day)
    return f"The stored figures are not those of the stored forecasts: {wrong[0]} {_AGAIN}" if wrong else None


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


def _numbers(evaluated: ModelEvaluation) -> dict[str, float]:
    verdict = evaluated.verdict
    figures = {"skill": verdict.skill, "median_skill": verdict.median_skill}
    return {
        "rows": verdict.rows,
        "baselines_not_beaten": len(verdict.not_beaten),
        "leaks": len(evaluated.leaks),
        **{name: value for name, value in figures.items() if value is not None},
    }


def check_figures(day: EvaluatedDay) -> Finding:
    """Whether errors and skill of every network, fold and horizon come out of the stored forecasts."""
    cells = _whole_cells(day.evaluated)
    wrong = _unlike_the_forecasts(day)
    numbers = {"figures": len(cells), "figures_wrong": len(wrong), "forecasts": day.forecasts.num_rows}
    if wrong:
        return Finding(False, f"{len(wrong)} of {len(cells)} figures are others: {wrong[0]} {_AGAIN}", numbers)
    return Finding(True, f"{len(cells)} figures come out of {day.forecasts.num_rows:,} forecasts.", numbers)


def _whole_cells(evaluated: ModelEvaluation) -> list[Cell]:
    """Figures of the model on all rows of a fold."""
    cells = evaluated.evaluation.cells
    return [cell for cell in cells if cell.forecaster == MODEL and cell.fold is not None and cell.regime is None]


def _unlike_the_forecasts(day: EvaluatedDay) -> list[str]:
    """A sentence for each figure that the forecasts do not give."""
    columns = {name: day.forecasts[name].to_numpy() for name in ("fold", "seed", "horizon", "realised", "forecast")}
    wrong: list[str] = []
    for cell in _whole_cells(day.evaluated):
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
