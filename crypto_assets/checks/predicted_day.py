"""A stored day of predictions as its checks look at it: with the ledger and the models that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from crypto_assets.checks.stored import StoredDay, read_stored
from crypto_assets.forecast.predicting import Predictor, promotion_of
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition


@dataclass(frozen=True, slots=True)
class PredictedDay(StoredDay):
    """A stored day of predictions, and where its models are."""

    promotions: Promotions
    predictor: Predictor
    trained: Sequence[date]
    """Days that a model of the symbol was trained as of."""

    @property
    def model_ids(self) -> list[str]:
        """Models of the day, in the order in which they were in force."""
        return self.table["model_id"].unique().to_pylist()

    def promotion(self, model_id: str) -> Promotion:
        """The ledger's entry; raises CheckpointError where there is none."""
        return promotion_of(self.promotions, self.partition.symbol, model_id)


def read_predicted(
    lake: Lake,
    partition: Partition,
    now: datetime,
    *,
    promotions: Promotions,
    predictor: Predictor,
    trained: Mapping[str, Sequence[date]],
) -> PredictedDay | None:
    """The stored day, None where there is none; `trained` are days by symbol. Raises LakeError where the file cannot be
    read."""
    day = read_stored(LSTM_PREDICTIONS, lake, partition, now)
    if day is None:
        return None
    return PredictedDay(
        **{field.name: getattr(day, field.name) for field in fields(day)},
        promotions=promotions,
        predictor=predictor,
        trained=trained.get(partition.symbol, []),
    )
