"""A lake with seconds of a made-up market, a training set of them and a model: what an evaluation is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.day_task import DayTask
from crypto_assets.forecast.evaluating import EvaluateAnswer, MakeTrainer, evaluate_partition
from crypto_assets.forecast.evaluating_fits import FoldFit, Trainer, network_trainer
from crypto_assets.forecast.evaluations import Evaluations, StoredEvaluation
from crypto_assets.forecast.options import DataOptions, ForecastOptions, JudgeOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, Forecasts, Samples, Split
from crypto_assets.forecast.training import train_partition
from crypto_assets.forecast.training_sets import StoredSet, TrainingSets
from crypto_assets.forecast.training_sets_days import make_set
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import FLAGS, KLINES_1S
from crypto_assets.spans import day_span
from crypto_assets_tests.forecast.second_days import walk_of_seconds

DAY = date(2024, 8, 1)
SYMBOL = "BTCUSDT"
NOW = datetime(2024, 8, 2, 1, tzinfo=UTC)
OPTIONS = ForecastOptions(
    data=DataOptions(source="klines_1s", days=1, window=8, horizons=(1, 5)),
    network=NetworkOptions(units=(4,), epochs=1, batch=64),
    judge=JudgeOptions(folds=2, seeds=2, resamples=50),
)
FILLED = (400, 900)
"""Seconds that were interpolated."""


@dataclass(frozen=True)
class SmallEvaluation:
    """Folders of a lake and of models."""

    folder: Path
    options: ForecastOptions = OPTIONS
    said: list[str] = field(default_factory=list)

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(str(self.folder / "ckpts"))

    @property
    def stored(self) -> StoredEvaluation:
        found = Evaluations(self.lake).read(SYMBOL, DAY)
        assert found is not None
        return found

    @property
    def kept(self) -> list[Path]:
        """Files of fits that are kept."""
        return sorted(self.folder.rglob("_fits/*.kept"))

    def publish_seconds(self, klines: pa.Table) -> None:
        self.lake.publish(KLINES_1S, SYMBOL, DAY, klines)

    def publish_set(self, change: Callable[[FeatureTable], FeatureTable] = lambda table: table) -> StoredSet:
        """The training set of the seconds, after `change`, as if it had been made so."""
        made = make_set(self.lake, SYMBOL, DAY, options=self.options.data, known_until=day_span(DAY).end)
        return TrainingSets(self.lake).publish(SYMBOL, DAY, replace(made, table=change(made.table)), made_at=NOW)

    def train(self) -> None:
        """Fit the model of the day."""
        task = DayTask(
            lake_uri=self.lake.uri,
            checkpoints_uri=self.checkpoints.files.uri,
            symbol=SYMBOL,
            day=DAY,
            exchange="simulator-7",
            options=self.options,
            now=NOW,
        )
        train_partition(task, self.said.append)
        self.said.clear()

    def task(self, **judge: Any) -> DayTask:
        """The evaluation of the day, with other options of the judge."""
        return DayTask(
            lake_uri=self.lake.uri,
            checkpoints_uri=self.checkpoints.files.uri,
            symbol=SYMBOL,
            day=DAY,
            exchange="simulator-7",
            options=msgspec.structs.replace(self.options, judge=msgspec.structs.replace(self.options.judge, **judge)),
            now=NOW,
        )

    def evaluate(self, make_trainer: MakeTrainer = network_trainer, **judge: Any) -> EvaluateAnswer:
        return evaluate_partition(self.task(**judge), self.said.append, make_trainer=make_trainer)


def seconds(rows: int = 1_600, *, seed: int = 1) -> pa.Table:
    """Seconds of a walk that nobody can foretell, two of them interpolated from their neighbours."""
    klines = walk_of_seconds(rows, seed=seed)
    flags, close = klines["flags"].to_numpy().copy(), klines["close"].to_pylist()
    for second in FILLED:
        flags[second] = FLAGS["filled"]
        close[second] = (close[second - 1] + close[second + 1]) / 2 + 1
    place = klines.schema.get_field_index
    klines = klines.set_column(place("flags"), klines.schema.field("flags"), pa.array(flags, pa.int32()))
    prices = pa.array(close).cast(klines.schema.field("close").type, safe=False)
    return klines.set_column(place("close"), klines.schema.field("close"), prices)


def make_evaluation(
    folder: Path, *, change: Callable[[FeatureTable], FeatureTable] = lambda table: table
) -> SmallEvaluation:
    """A day with its seconds, its training set (after `change`) and its model."""
    world = SmallEvaluation(folder)
    world.publish_seconds(seconds())
    world.publish_set(change)
    world.train()
    return world


@dataclass
class FastTrainer:
    """Honest models that foretell almost nothing, made at once; `before` is called with the number of each."""

    before: Callable[[int], None] = lambda number: None
    fits: int = 0

    def __call__(self, table: FeatureTable, samples: Samples, data: DataOptions, options: NetworkOptions) -> Trainer:
        def train(split: Split, seed: int) -> FoldFit:
            self.fits += 1
            self.before(self.fits)
            rng = np.random.default_rng([seed, split.test.size])
            targets = samples.targets[split.train]
            touched = np.unique(samples.rows[split.train][:, np.newaxis] - np.arange(data.window))
            foretold = Forecasts(
                *(rng.normal(0, 1e-7, (part.size, targets.shape[1])) for part in (split.validation, split.test))
            )
            values = table.values[touched]
            return FoldFit(foretold, values.mean(axis=0), values.std(axis=0), targets.std(axis=0))

        return train


def with_column(name: str, values: Callable[[FeatureTable], np.ndarray]) -> Callable[[FeatureTable], FeatureTable]:
    """A change of a table: another column in the place of one."""

    def change(table: FeatureTable) -> FeatureTable:
        changed = table.values.copy()
        changed[:, table.features.index(name)] = values(table)
        return replace(table, values=changed)

    return change
