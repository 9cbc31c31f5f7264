"""Forecast: what the model of a day is worth."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data import GROUP
from crypto_assets.assets.forecast_evaluation_metadata import describe_evaluation, version_of, warning_of
from crypto_assets.assets.forecast_process import run_worker
from crypto_assets.config import read_settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import LakeError
from crypto_assets.forecast.checkpoints import NAME as CHECKPOINT
from crypto_assets.forecast.evaluating import EvaluateAnswer, EvaluateTask
from crypto_assets.forecast.evaluations import LSTM_EVALUATION, Evaluations
from crypto_assets.forecast.options import ForecastOptions
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
            exchange = exchange_name(read_settings())
            return _Evaluating(context, pipes, lake, checkpoints.uri, exchange, config.options(), now).write

        return materialize_each(context, days, begin)

    return [lstm_evaluation]


@dataclass(frozen=True, slots=True)
class _Evaluating:
    """Evaluates models, each in its own process."""

    context: dg.AssetExecutionContext
    pipes: dg.PipesSubprocessClient
    lake: LakeResource
    checkpoints_uri: str
    exchange: str
    options: ForecastOptions
    now: datetime

    def write(self, partition: Partition) -> Written:
        task = EvaluateTask(
            lake_uri=self.lake.uri,
            checkpoints_uri=self.checkpoints_uri,
            symbol=partition.symbol,
            day=partition.day,
            exchange=self.exchange,
            options=self.options,
            now=self.now,
        )
        memory_mb = self.options.network.memory_mb
        answer = run_worker(self.context, self.pipes, "evaluate", task=task, answer=EvaluateAnswer, memory_mb=memory_mb)
        evaluations = Evaluations(self.lake.lake)
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
