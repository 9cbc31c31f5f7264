"""Forecast: what the model of a day is worth."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg
import msgspec

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data import GROUP
from crypto_assets.assets.forecast_process import Workers
from crypto_assets.errors import LakeError
from crypto_assets.forecast.checkpoints import NAME as CHECKPOINT
from crypto_assets.forecast.evaluating import EvaluateAnswer
from crypto_assets.forecast.evaluations import LSTM_EVALUATION, Evaluations, ModelEvaluation, StoredEvaluation
from crypto_assets.forecast.judge.baselines import column_of
from crypto_assets.forecast.judge.leaks import LeakKind
from crypto_assets.forecast.judge.report import as_markdown
from crypto_assets.forecast.notice import notice
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.pictures.skill import skill_picture
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DESCRIPTION = (
    "What the day's model is worth, on rows that were used for no choice: on each fold of a walk forward networks of "
    "several seeds, on the newest one the published model itself, against persistence, the last return, drift, an "
    "autoregression, ridge and boosted trees on the same features, and the majority sign. Looked through for six kinds "
    "of leak. Beating them and not beating them are both success; the check `promotion` puts the model in force only "
    "where it beat every one."
)


def forecast_evaluation_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The evaluation."""

    @day_asset(
        LSTM_EVALUATION.name,
        days,
        group=GROUP,
        kinds={"tensorflow", "scikitlearn"},
        description=DESCRIPTION,
        metadata=table_metadata(LSTM_EVALUATION),
        deps=[CHECKPOINT],
    )
    def lstm_evaluation(
        context: dg.AssetExecutionContext,
        config: ForecastConfig,
        lake: LakeResource,
        checkpoints: CheckpointsResource,
        pipes: dg.PipesSubprocessClient,
    ) -> dg.MaterializeResult:
        def begin(now: datetime) -> Callable[[Partition], Written]:
            workers = Workers(context, pipes, lake.uri, checkpoints.uri, config.options(), now)
            return partial(_evaluate, workers, lake.lake)

        return materialize_each(context, days, begin)

    return [lstm_evaluation]


def _evaluate(workers: Workers, lake: Lake, partition: Partition) -> Written:
    answer = workers.ask("evaluate", partition, EvaluateAnswer)
    evaluations = Evaluations(lake)
    stored = evaluations.read(partition.symbol, partition.day)
    if stored is None:
        raise LakeError(f"{answer.uri} was written, and is gone. Materialise {LSTM_EVALUATION.name} again.")
    rows = evaluations.forecasts(stored.evaluated).num_rows
    return Written(
        rows=rows,
        data_version=version_of(stored.evaluated),
        metadata=describe_evaluation(stored, answer, rows=rows),
        warning=warning_of(stored.evaluated),
    )


def describe_evaluation(stored: StoredEvaluation, answer: EvaluateAnswer, *, rows: int) -> dict[str, Any]:
    """Metadata of an evaluation; `rows` are its forecasts."""
    evaluated = stored.evaluated
    verdict = evaluated.verdict
    figures = {
        "skill_percent": verdict.skill,
        "skill_percent_low": verdict.interval.low if verdict.interval else None,
        "skill_percent_high": verdict.interval.high if verdict.interval else None,
        "skill_percent_median_of_seeds": verdict.median_skill,
    }
    return {
        "verdict": verdict.sentence,
        "notice": dg.MetadataValue.md(f"**{notice(evaluated.exchange)}**"),
        "skill": dg.MetadataValue.md(skill_picture(evaluated.evaluation)),
        "figures": dg.MetadataValue.md(as_markdown(evaluated.evaluation)),
        "leaks": dg.MetadataValue.md(leaks_as_markdown(evaluated)),
        "promote": verdict.promote,
        "model_id": evaluated.model_id,
        **{name: 100 * value for name, value in figures.items() if value is not None},
        **{f"p_{column_of(one.baseline)}": one.test.p for one in verdict.comparisons},
        "dagster/row_count": rows,
        "dagster/uri": stored.uri,
        "bytes": stored.bytes,
        "changed": answer.changed,
        "evaluated": answer.evaluated,
        "folds": len(evaluated.evaluation.folds),
        "seeds": len(evaluated.evaluation.seeds),
        "networks_fitted": answer.fitted,
        "networks_taken_over": answer.taken_over,
        "peak_mb": answer.peak_mb,
        "computed_again": "; ".join(evaluated.audited),
        "checkpoint_sha256": evaluated.checkpoint_sha256,
        "training_set_sha256": evaluated.training_set_sha256,
    }


def leaks_as_markdown(evaluated: ModelEvaluation) -> str:
    """Each kind of leak that is looked for, and what was found."""
    lines = ["| leak | found |", "|---|---|"]
    for kind in LeakKind:
        found = [leak.sentence for leak in evaluated.leaks if leak.kind is kind]
        more = f" And {len(found) - 1} more like it." if len(found) > 1 else ""
        lines.append(f"| {kind.value} | {found[0].replace('|', '/') + more if found else 'no'} |")
    return "\n".join(lines)


def version_of(evaluated: ModelEvaluation) -> str:
    """sha256 of all that an evaluation says, but for when it was made."""
    timeless = msgspec.structs.replace(evaluated, made_at=datetime.min.replace(tzinfo=UTC))
    return hashlib.sha256(msgspec.json.encode(timeless)).hexdigest()


def warning_of(evaluated: ModelEvaluation) -> str | None:
    """What a person should know tomorrow: a leak. That a model beats nothing is the usual outcome, and no warning."""
    return f"{len(evaluated.leaks)} leaks; {evaluated.leaks[0]}" if evaluated.leaks else None
