"""Forecast: what the promoted model foretold for each moment of a day, beside what came."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data import GROUP
from crypto_assets.assets.forecast_predictions_metadata import (
    describe_predictions,
    notice_of,
    state_of,
    warning_of,
)
from crypto_assets.automation import when_window_changes
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.evaluations import LSTM_EVALUATION
from crypto_assets.forecast.notice import NOT_ADVICE
from crypto_assets.forecast.predicting import MADE_FROM, MadeDay, Predictor
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, look_around, look_back
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DESCRIPTION = (
    "For each closed candle of a day and each horizon the return, price and interval that the model in force at that "
    f"moment foretold, and what came. {NOT_ADVICE} Where no model was in force, one that was promoted later but had "
    "seen nothing of the day may stand in; such rows say `is_backcast`. Without a promoted model the day has no rows. "
    "Targets of a day's last rows lie in the next day: they are realised when that is there."
)


def forecast_predictions_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The predictions. The day after is an input: it says what came of the day's last forecasts."""
    neighbours = look_around(before=1, after=1)

    @dg.asset(
        name=LSTM_PREDICTIONS.name,
        group_name=GROUP,
        kinds={"tensorflow", "parquet"},
        description=DESCRIPTION,
        metadata=table_metadata(LSTM_PREDICTIONS),
        deps=[
            dg.AssetDep(GOLD_FEATURES.name, partition_mapping=look_back(1)),
            *(dg.AssetDep(d.name, partition_mapping=neighbours) for d in (SILVER_KLINES["1m"], KLINES_1S)),
            # of the day itself only so that a run over both promotes first: a model foretells what it has not seen
            dg.AssetDep(LSTM_EVALUATION.name, partition_mapping=look_back(1)),
        ],
        partitions_def=days.definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
        automation_condition=when_window_changes(own_day=(GOLD_FEATURES.name, SILVER_KLINES["1m"].name)),
    )
    def lstm_predictions(
        context: dg.AssetExecutionContext,
        config: ForecastConfig,
        lake: LakeResource,
        checkpoints: CheckpointsResource,
    ) -> dg.MaterializeResult:
        def begin(_: datetime) -> Callable[[Partition], Written]:
            return PredictionDays(lake.lake, Promotions(checkpoints.uri), backcast=config.backcast).write

        return materialize_each(context, days, begin)

    return [lstm_predictions]


class PredictionDays:
    """Writes days of predictions; over a range each model is loaded once."""

    def __init__(self, lake: Lake, promotions: Promotions, *, backcast: bool) -> None:
        self._lake = lake
        self._promotions = promotions
        self._predictor = Predictor(lake, promotions, backcast=backcast)

    def write(self, partition: Partition) -> Written:
        """Foretell the day and publish it; without a model in force it has no rows.

        Raises CheckpointError where a promoted model cannot be used, and InputIncomplete where the day's rows are not
        there; what is stored stays.
        """
        made = self._predictor.make(partition.symbol, partition.day)
        state = state_of(made, self._promotions.all(partition.symbol), partition)
        published = self._lake.publish(
            LSTM_PREDICTIONS, partition.symbol, partition.day, made.predictions, footer=_notes(made, state)
        )
        metadata = describe_predictions(made, published, partition=partition, state=state)
        return Written(published.rows, published.sha256, metadata, warning_of(made))


def _notes(made: MadeDay, state: str) -> dict[str, str]:
    """What the file itself says; nothing of it depends on when it is written."""
    return {
        "notice": notice_of(made.cards),
        "models": ", ".join(card.model_id for card in made.cards),
        "state": state,
        MADE_FROM: made.made_from,
    }
