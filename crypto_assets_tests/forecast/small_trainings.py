"""A lake with a training set, models beside it, and the task of fitting one: what a worker is handed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from crypto_assets.forecast.checkpoint import Checkpoint, load_checkpoint
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.day_task import DayTask
from crypto_assets.forecast.options import ForecastOptions
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.forecast.training_sets import TrainingSets
from crypto_assets.forecast.training_sets_days import MadeSet
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.forecast.small_networks import DATA, NETWORK, NOW
from crypto_assets_tests.forecast.tables import with_signal

DAY = date(2024, 8, 2)
SYMBOL = "BTCUSDT"


@dataclass(frozen=True)
class SmallTraining:
    """Folders of a lake and of models."""

    folder: Path
    table: FeatureTable
    models: str = "ckpts"

    @property
    def lake_uri(self) -> str:
        return str(self.folder / "lake")

    @property
    def checkpoints_uri(self) -> str:
        return str(self.folder / self.models)

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.checkpoints_uri)

    @property
    def kept(self) -> list[Path]:
        """Files of epochs that are kept."""
        return sorted(Path(self.checkpoints_uri).rglob("_training/*.kept"))

    def task(self, **network: Any) -> DayTask:
        """The training of DAY, with other options of the network."""
        return DayTask(
            lake_uri=self.lake_uri,
            checkpoints_uri=self.checkpoints_uri,
            symbol=SYMBOL,
            day=DAY,
            exchange="simulator-7",
            options=ForecastOptions(data=DATA, network=msgspec.structs.replace(NETWORK, **network)),
            now=NOW,
        )

    def loaded(self) -> Checkpoint:
        content = self.checkpoints.read(SYMBOL, DAY)
        assert content is not None
        return load_checkpoint(content)


def make_training(folder: Path, *, days: Sequence[date] = (DAY,), rows: int = 1_000) -> SmallTraining:
    """A lake in which each of the days has the same training set."""
    table = with_signal(rows, seed=1)
    training = SmallTraining(folder, table)
    sets = TrainingSets(Lake(training.lake_uri))
    for day in days:
        sets.publish(SYMBOL, day, MadeSet(table, DATA, {"gold_features/2024-08-01": "ab"}), made_at=NOW)
    return training
