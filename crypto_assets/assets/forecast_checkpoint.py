"""Forecast: the model of a day."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import dagster as dg

from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_checkpoint_metadata import describe_training, warning_of
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data import GROUP
from crypto_assets.assets.forecast_process import Workers
from crypto_assets.forecast.checkpoints import NAME
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET
from crypto_assets.forecast.worker_training import TrainAnswer
from crypto_assets.partitions import DaySymbol, Partition
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DESCRIPTION = (
    "An LSTM fitted on the day's training set, as one `.keras` file with its normaliser and its model card inside. The "
    "newest block of the walk-forward split is never seen by it. Fitted in a process of its own, on a GPU where there "
    "is one; a training that was ended goes on after its last whole epoch. What it is worth, `lstm_evaluation` says."
)


def forecast_checkpoint_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The model."""

    @dg.asset(
        name=NAME,
        group_name=GROUP,
        kinds={"tensorflow", "keras"},
        description=DESCRIPTION,
        deps=[LSTM_TRAINING_SET.name],
        partitions_def=days.definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def lstm_checkpoint(
        context: dg.AssetExecutionContext,
        config: ForecastConfig,
        lake: LakeResource,
        checkpoints: CheckpointsResource,
        pipes: dg.PipesSubprocessClient,
    ) -> dg.MaterializeResult:
        def begin(now: datetime) -> Callable[[Partition], Written]:
            return partial(_train, Workers(context, pipes, lake.uri, checkpoints.uri, config.options(), now))

        return materialize_each(context, days, begin)

    return [lstm_checkpoint]


def _train(workers: Workers, partition: Partition) -> Written:
    answer = workers.ask("train", partition, TrainAnswer)
    return Written(
        rows=answer.card.rows,
        data_version=answer.card.training_key,
        metadata=describe_training(answer),
        warning=warning_of(answer),
    )
