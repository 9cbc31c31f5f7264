"""Forecast: what the model of a day is worth."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data import GROUP
from crypto_assets.assets.forecast_evaluation_metadata import describe_evaluation, version_of, warning_of
from crypto_assets.assets.forecast_process import Workers
from crypto_assets.errors import LakeError
from crypto_assets.forecast.checkpoints import NAME as CHECKPOINT
from crypto_assets.forecast.evaluating import EvaluateAnswer
from crypto_assets.forecast.evaluations import LSTM_EVALUATION, Evaluations
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
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

    @dg.asset(
        name=LSTM_EVALUATION.name,
        group_name=GROUP,
        kinds={"tensorflow", "scikitlearn"},
        description=DESCRIPTION,
        metadata=table_metadata(LSTM_EVALUATION),
        deps=[CHECKPOINT],
        partitions_def=days.definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
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
