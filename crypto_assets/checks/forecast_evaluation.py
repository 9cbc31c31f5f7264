"""Checks of evaluations: whether the figures are those of the forecasts, and the one that puts a model in force."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from crypto_assets.checks.day_checks import DayCheck, check_specs, judge_days
from crypto_assets.checks.findings import ERROR, WARN, Finding
from crypto_assets.config import read_settings
from crypto_assets.forecast.evaluations import JUDGE_AGAIN, LSTM_EVALUATION, ModelEvaluation
from crypto_assets.forecast.promoting import (
    JudgedModel,
    figures_of_model,
    promote_or_say_why_not,
    read_judged,
    unlike_the_forecasts,
)
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from resources.checkpoints import CheckpointsResource
from resources.exchange import exchange_now
from resources.lake import LakeResource


def forecast_evaluation_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of the evaluation. `promotion` writes: it alone puts models in force."""
    checks = [
        DayCheck(
            "promotion",
            "The model is better than every baseline with significance on the newest fold, nothing leaked, and the "
            "stored model is the one that was judged: then it is put in force. Where it is not better the former model "
            "stays, which is a warning and no failure.",
            _promotion,
            blocking=True,
        ),
        DayCheck("figures", "The stored figures are those of the stored forecasts, computed anew.", _figures),
    ]

    @dg.multi_asset_check(
        name=f"{LSTM_EVALUATION.name}_checks", specs=check_specs(LSTM_EVALUATION, checks), can_subset=True
    )
    def check_evaluations(
        context: dg.AssetCheckExecutionContext, lake: LakeResource, checkpoints: CheckpointsResource
    ) -> Iterator[dg.AssetCheckResult]:
        promotions = Promotions(checkpoints.uri)

        def read(lake: Lake, partition: Partition, _: datetime) -> JudgedModel | None:
            models = checkpoints.checkpoints
            return read_judged(lake, partition.symbol, partition.day, checkpoints=models, promotions=promotions)

        yield from judge_days(context, lake.lake, LSTM_EVALUATION, days, checks=checks, read=read)

    return [check_evaluations]


def _promotion(model: JudgedModel) -> Finding:
    market_time = partial(exchange_now, read_settings(), wall=datetime.now(UTC))
    decision = promote_or_say_why_not(model, market_time=market_time)
    severity = WARN if decision.takes_a_reason else ERROR
    return Finding(decision.promoted, decision.sentence, _numbers(model.evaluated), severity)


def _numbers(evaluated: ModelEvaluation) -> dict[str, float]:
    verdict = evaluated.verdict
    figures = {"skill": verdict.skill, "median_skill": verdict.median_skill}
    return {
        "rows": verdict.rows,
        "baselines_not_beaten": len(verdict.not_beaten),
        "leaks": len(evaluated.leaks),
        **{name: value for name, value in figures.items() if value is not None},
    }


def _figures(model: JudgedModel) -> Finding:
    """Whether errors and skill of every network, fold and horizon come out of the stored forecasts."""
    cells = figures_of_model(model.evaluated)
    wrong = unlike_the_forecasts(model.evaluated, model.forecasts)
    numbers = {"figures": len(cells), "figures_wrong": len(wrong), "forecasts": model.forecasts.num_rows}
    if wrong:
        return Finding(False, f"{len(wrong)} of {len(cells)} figures are others: {wrong[0]} {JUDGE_AGAIN}", numbers)
    return Finding(True, f"{len(cells)} figures come out of {model.forecasts.num_rows:,} forecasts.", numbers)
