"""Forecast: the model of a day."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg

from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data import GROUP
from crypto_assets.assets.forecast_process import Workers
from crypto_assets.forecast.card import ModelCard, as_markdown
from crypto_assets.forecast.checkpoints import NAME
from crypto_assets.forecast.training import TrainAnswer
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.pictures.losses import losses_picture
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DESCRIPTION = (
    "An LSTM fitted on the day's training set, as one `.keras` file with its normaliser and its model card inside. The "
    "newest block of the walk-forward split is never seen by it. Fitted in a process of its own, on a GPU where there "
    "is one; a training that was ended goes on after its last whole epoch. What it is worth, `lstm_evaluation` says."
)


def forecast_checkpoint_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The model."""

    @day_asset(
        NAME,
        days,
        group=GROUP,
        kinds={"tensorflow", "keras"},
        description=DESCRIPTION,
        deps=[LSTM_TRAINING_SET.name],
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


def describe_training(answer: TrainAnswer) -> dict[str, Any]:
    """Metadata of a model: where it lies, its losses as a picture, its figures, its card."""
    card = answer.card
    best = card.history[card.best_epoch - 1]
    return {
        "dagster/row_count": card.rows,
        "dagster/uri": answer.uri,
        "bytes": answer.bytes,
        "changed": answer.changed,
        "trained": answer.trained,
        "losses": dg.MetadataValue.md(
            losses_picture([epoch.loss for epoch in card.history], [epoch.validation_loss for epoch in card.history])
        ),
        "model_id": card.model_id,
        "epochs": len(card.history),
        "best_epoch": card.best_epoch,
        "epochs_taken_over": answer.resumed_after,
        "loss": best.loss,
        "validation_loss": best.validation_loss,
        **card.metrics,
        "samples": card.samples,
        "training_samples": card.split.train.samples,
        "fit_seconds": sum(epoch.took_s for epoch in card.history),
        "rows_per_second": rows_per_second(card),
        "peak_mb": answer.peak_mb,
        "device": card.device,
        "features": len(card.features),
        "training_set_sha256": card.training_set_sha256,
        "sha256": answer.sha256,
        "card": dg.MetadataValue.md(as_markdown(card)),
    }


def rows_per_second(card: ModelCard) -> float:
    """Training windows a second; the first epoch, in which TensorFlow compiles, counts only where there is no other."""
    epochs = card.history[1:] or card.history
    seconds = sum(epoch.took_s for epoch in epochs)
    return card.split.train.samples * len(epochs) / seconds if seconds else 0.0


def warning_of(answer: TrainAnswer) -> str | None:
    """What a person should know of a model that was trained."""
    constant = answer.card.normaliser.constant
    if constant:
        return f"{len(constant)} features did not vary, and nothing was learnt of them: {', '.join(constant)}."
    if answer.card.best_epoch == 1 and len(answer.card.history) > 1:
        return "No epoch after the first was better on the validation samples: the network hardly learnt."
    return None
