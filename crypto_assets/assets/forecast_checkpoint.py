"""Forecast: the model of a day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_checkpoint_metadata import describe_training, warning_of
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_process import run_worker
from crypto_assets.config import read_settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.forecast.checkpoints import NAME
from crypto_assets.forecast.options import ForecastOptions
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET
from crypto_assets.forecast.worker_training import TrainAnswer, TrainTask
from crypto_assets.partitions import DaySymbol, Partition
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

GROUP = "forecast"

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
            exchange = exchange_name(read_settings())
            training = _Training(context, pipes, lake.uri, checkpoints.uri, exchange, config.options(), now)
            return training.write

        return materialize_each(context, days, begin)

    return [lstm_checkpoint]


@dataclass(frozen=True, slots=True)
class _Training:
    """Trains models, each in its own process."""

    context: dg.AssetExecutionContext
    pipes: dg.PipesSubprocessClient
    lake_uri: str
    checkpoints_uri: str
    exchange: str
    options: ForecastOptions
    now: datetime

    def write(self, partition: Partition) -> Written:
        task = TrainTask(
            lake_uri=self.lake_uri,
            checkpoints_uri=self.checkpoints_uri,
            symbol=partition.symbol,
            day=partition.day,
            exchange=self.exchange,
            options=self.options,
            now=self.now,
        )
        memory_mb = self.options.network.memory_mb
        answer = run_worker(self.context, self.pipes, "train", task=task, answer=TrainAnswer, memory_mb=memory_mb)
        return Written(
            rows=answer.card.rows,
            data_version=answer.card.training_key,
            metadata=describe_training(answer),
            warning=warning_of(answer),
        )
