"""Days to foretell and models to do it: a real small one, and files that hold a card and nothing else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import pyarrow as pa

from crypto_assets.assets.forecast_predictions import forecast_predictions_assets
from crypto_assets.checks.forecast_predictions import forecast_predictions_checks
from crypto_assets.forecast.card import ModelCard, encode_card
from crypto_assets.forecast.card_making import Origin, make_card
from crypto_assets.forecast.checkpoint import CARD_MEMBER, write_checkpoint
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, range_tags
from crypto_assets.partitions import Partition as DayOfSymbol
from crypto_assets_tests.assets.small_exchange import failures
from crypto_assets_tests.forecast.small_networks import Lesson
from crypto_assets_tests.forecast.tables import publish_gold, with_signal, without_rows
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT", "ETHUSDT"))
MINUTES = 1_440
TRAINED_ON = date(2024, 8, 2)
"""Last day that `small_model` has seen."""


def day(number: int) -> DayOfSymbol:
    """2024-08-<number> of BTCUSDT."""
    return DayOfSymbol("BTCUSDT", date(2024, 8, number))


def time(number: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of 2024-08-<number>."""
    return datetime(2024, 8, number, hour, minute, tzinfo=UTC)


def market(days: int) -> FeatureTable:
    """Minutes from 2024-08-01 on; more days begin with the same ones."""
    return first_rows(with_signal(6 * MINUTES, seed=1), days * MINUTES)


def first_rows(table: FeatureTable, rows: int) -> FeatureTable:
    """The table's beginning."""
    return without_rows(table, range(rows, len(table)))


@dataclass(frozen=True)
class SmallModel:
    """A model's file and its card."""

    content: bytes
    card: ModelCard


def small_model() -> SmallModel:
    """Fitted on 2024-08-01 and -02 in a few seconds."""
    lesson = Lesson(market(2))
    network = lesson.train()
    origin = Origin("simulator-7", TRAINED_ON, "ab" * 32, {})
    card = make_card(network, lesson.table, lesson.samples, lesson.split, origin=origin, now=time(3))
    return SmallModel(write_checkpoint(network, card), card)


def only_a_card(card: ModelCard) -> SmallModel:
    """What can be promoted and asked about, but foretells nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(CARD_MEMBER, encode_card(card))
    return SmallModel(buffer.getvalue(), card)


@dataclass
class PredictionWorld:
    """A lake, a store of models, and the asset and checks of predictions on them."""

    folder: Path
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def promotions(self) -> Promotions:
        return Promotions(str(self.folder / "ckpts"))

    def promote(self, model: SmallModel, at: datetime) -> Promotion:
        return self.promotions.promote(model.card, model.content, verdict="beats everything", now=at)

    def fill(self, days: int, *, table: FeatureTable | None = None) -> None:
        """Gold and silver of so many days from 2024-08-01 on."""
        publish_gold(self.lake, "BTCUSDT", table if table is not None else market(days))

    def run(self, first: DayOfSymbol, last: DayOfSymbol | None = None, **config: Any) -> dg.ExecuteInProcessResult:
        """Materialise a day, or a range, without its checks."""
        return self._execute("predict", range_tags(first, last or first), config)

    def check(self, on: DayOfSymbol) -> Mapping[str, dg.AssetCheckEvaluation]:
        """Evaluations of the checks of a stored day, by name."""
        result = self._execute("check", range_tags(on, on), {})
        assert result.success, failures(result)
        return {e.check_name: e for e in result.get_asset_check_evaluations()}

    def metadata(self, on: DayOfSymbol) -> dict[str, Any]:
        """Metadata values of the last materialisation of a day."""
        wanted = dg.AssetRecordsFilter(dg.AssetKey(LSTM_PREDICTIONS.name), asset_partitions=[on.key])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}

    def stored(self, on: DayOfSymbol) -> pa.Table:
        """Rows of a day."""
        table = self.lake.read(LSTM_PREDICTIONS, on.symbol, on.day)
        assert table is not None
        return table

    def graph(self, *inputs: dg.AssetSpec) -> dg.Definitions:
        """The asset, its checks, and a job of each."""
        assets, checks = forecast_predictions_assets(DAYS), forecast_predictions_checks(DAYS)
        return dg.Definitions(
            assets=[*assets, *inputs],
            asset_checks=checks,
            jobs=[
                dg.define_asset_job("predict", dg.AssetSelection.assets(*assets).without_checks()),
                dg.define_asset_job("check", dg.AssetSelection.checks(*checks)),
            ],
            resources={
                "lake": LakeResource(uri=str(self.folder / "lake")),
                "checkpoints": CheckpointsResource(uri=str(self.folder / "ckpts")),
            },
        )

    def _execute(self, job: str, tags: dict[str, str], config: dict[str, Any]) -> dg.ExecuteInProcessResult:
        return (
            self.graph()
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                tags=tags,
                run_config={"ops": {LSTM_PREDICTIONS.name: {"config": config}}} if config else {},
                raise_on_error=False,
            )
        )


def with_feature(card: ModelCard, name: str) -> ModelCard:
    """A card that asks for one more column."""
    return msgspec.structs.replace(
        card,
        model_id=f"{card.model_id}-more",
        features=(*card.features, name),
        feature_low=(*card.feature_low, 0.0),
        feature_high=(*card.feature_high, 1.0),
    )
