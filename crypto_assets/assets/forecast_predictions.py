"""Forecast: what the promoted model foretold for each moment of a day, beside what came."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each, published_metadata
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data import GROUP
from crypto_assets.automation import when_window_changes
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.evaluations import LSTM_EVALUATION
from crypto_assets.forecast.notice import NOT_ADVICE, notice
from crypto_assets.forecast.predicting import MADE_FROM, MadeDay, Predictor
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, Score, horizon_name, outcomes, scores
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.lake.lake import Lake, Published
from crypto_assets.partitions import DaySymbol, Partition, look_around, look_back
from crypto_assets.pictures.predictions import prediction_picture
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from crypto_assets.spans import day_span
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DESCRIPTION = (
    "For each closed candle of a day and each horizon the return, price and interval that the model in force at that "
    f"moment foretold, and what came. {NOT_ADVICE} Where no model was in force, one that was promoted later but had "
    "seen nothing of the day may stand in; such rows say `is_backcast`. Without a promoted model the day has no rows. "
    "Targets of a day's last rows lie in the next day: they are realised when that is there."
)


NO_MODEL = "no promoted model"
"""What the state of a day without one begins with."""


def forecast_predictions_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The predictions. The day after is an input: it says what came of the day's last forecasts."""
    neighbours = look_around(before=1, after=1)

    @day_asset(
        LSTM_PREDICTIONS.name,
        days,
        group=GROUP,
        kinds={"tensorflow", "parquet"},
        description=DESCRIPTION,
        metadata=table_metadata(LSTM_PREDICTIONS),
        deps=[
            dg.AssetDep(GOLD_FEATURES.name, partition_mapping=look_back(1)),
            *(dg.AssetDep(d.name, partition_mapping=neighbours) for d in (SILVER_KLINES["1m"], KLINES_1S)),
            # of the day itself only so that a run over both promotes first: a model foretells what it has not seen
            dg.AssetDep(LSTM_EVALUATION.name, partition_mapping=look_back(1)),
        ],
        follows=when_window_changes(own_day=(GOLD_FEATURES.name, SILVER_KLINES["1m"].name)),
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
        return Written.of(published, metadata, warning=warning_of(made))


def _notes(made: MadeDay, state: str) -> dict[str, str]:
    """What the file itself says; nothing of it depends on when it is written."""
    return {
        "notice": notice_of(made.cards),
        "models": ", ".join(card.model_id for card in made.cards),
        "state": state,
        MADE_FROM: made.made_from,
    }


def describe_predictions(made: MadeDay, published: Published, *, partition: Partition, state: str) -> dict[str, Any]:
    """Metadata of a day: the picture and the notice first, then who foretold it, how much is known, and how good."""
    shortest = next(iter(outcomes(made.predictions)), None)
    picture = prediction_picture(shortest, day=day_span(partition.day)) if shortest else None
    found = scores(made.predictions)
    rows, due = published.rows, sum(score.realised for score in found)
    return {
        **({"forecasts": dg.MetadataValue.md(picture)} if picture else {}),
        "notice": dg.MetadataValue.md(f"**{notice_of(made.cards)}**"),
        "state": state,
        **published_metadata(published),
        "models": ", ".join(card.model_id for card in made.cards) or "none",
        "candles": made.candles,
        "moments_foretold": rows // len(found) if found else 0,
        "rows_backcast": int(made.predictions["is_backcast"].to_numpy().sum()),
        "rows_realised": due,
        "realised_percent": round(100 * due / rows, 2) if rows else 0.0,
        **{name: value for score in found for name, value in _figures(score).items()},
        **({"interval_percent": round(100 * made.cards[-1].interval_share, 1)} if made.cards else {}),
    }


def state_of(made: MadeDay, promoted: Sequence[Promotion], partition: Partition) -> str:
    """By whom the day was foretold, in a sentence; where by nobody, why and what to do."""
    if made.cards:
        used = [card.model_id for card in made.cards]
        forced = {entry.model_id: entry for entry in promoted if entry.reason}
        against = " ".join(f"{forced[name].model_id}: {forced[name].why}" for name in used if name in forced)
        return f"foretold by {' then '.join(used)}" + (f". {against}" if against else "")
    if not promoted:
        return (
            f"{NO_MODEL}: no model of {partition.symbol} was ever promoted, and nothing else stands in. Run the job "
            f"forecast for a day before {partition.day}; where its verdict is that the model does not beat every "
            "baseline, there is rightly none."
        )
    oldest = min(entry.as_of_day for entry in promoted)
    return (
        f"{NO_MODEL} of data that ended before {partition.day}: {len(promoted)} of {partition.symbol} were promoted, "
        f"the one of the oldest data as of {oldest}. Run the job forecast for an earlier day, or allow models that "
        "were promoted later with `backcast: true`."
    )


def notice_of(cards: Sequence[ModelCard]) -> str:
    """What is said beside forecasts of these models; without one, what holds of every forecast."""
    return " ".join(dict.fromkeys(notice(card.exchange) for card in cards)) or NOT_ADVICE


def warning_of(made: MadeDay) -> str | None:
    """What should be looked at: a model in force that could foretell nothing."""
    if not made.cards or made.predictions.num_rows:
        return None
    features = len(made.cards[-1].features)
    return (
        f"{made.cards[-1].model_id} foretold none of {made.candles:,} candles: no window of "
        f"{made.cards[-1].data.window} rows is warm with all {features} features there. See gold_features' `warm`."
    )


def _figures(score: Score) -> dict[str, float]:
    name = horizon_name(score.horizon_s)
    figures = {
        f"skill_percent_{name}": score.skill,
        f"coverage_percent_{name}": score.coverage,
    }
    return {key: round(100 * value, 3) for key, value in figures.items() if value is not None}
