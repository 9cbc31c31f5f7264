"""Networks that are fitted in a second, and what they are fitted on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from crypto_assets.forecast.card import CardNormaliser, CardSplit, ModelCard, Part
from crypto_assets.forecast.card_making import Origin
from crypto_assets.forecast.network import TrainedNetwork, train_network
from crypto_assets.forecast.options import DataOptions, JudgeOptions, NetworkOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.table import FeatureTable, Samples, Split
from crypto_assets.forecast.training_state import Epoch
from crypto_assets_tests.forecast.tables import FEATURES, with_signal

DATA = DataOptions(days=2, window=8, horizons=(1, 5))
NETWORK = NetworkOptions(units=(4,), epochs=4, batch=64, learning_rate=1e-2)
NOW = datetime(2024, 8, 3, tzinfo=UTC)
ORIGIN = Origin("simulator-7", date(2024, 8, 2), "ab" * 32, {"gold_features/2024-08-02": "cd" * 32})


@dataclass(frozen=True)
class Lesson:
    """A table with its samples, and the newest split of them."""

    table: FeatureTable
    data: DataOptions = DATA
    samples: Samples = field(init=False)
    split: Split = field(init=False)

    def __post_init__(self) -> None:
        data = self.data
        samples = samples_of(self.table, data)
        splits = walk_forward(self.table, samples, data=data, judge=JudgeOptions())
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "split", splits[-1])

    def train(self, *, options: NetworkOptions = NETWORK, seed: int = 3, **others: Any) -> TrainedNetwork:
        return train_network(self.table, self.samples, self.split, data=self.data, options=options, seed=seed, **others)


def signal(*, rows: int = 1_500) -> Lesson:
    """Half of the variance of the next return is known to the third feature."""
    return Lesson(with_signal(rows, seed=1))


def weights(network: TrainedNetwork) -> list[npt.NDArray[np.float32]]:
    """All weights of the model."""
    return network.model.get_weights()


def same(one: TrainedNetwork, other: TrainedNetwork) -> bool:
    """Whether all weights are the same, bit for bit."""
    return all(a.tobytes() == b.tobytes() for a, b in zip(weights(one), weights(other), strict=True))


def small_card(**changes: Any) -> ModelCard:
    """The card of a network that nobody fitted."""
    given: dict[str, Any] = {
        "model_id": "BTCUSDT-2024-08-02-0123456789ab",
        "symbol": "BTCUSDT",
        "exchange": "simulator-7",
        "as_of_day": date(2024, 8, 2),
        "made_at": NOW,
        "data": DATA,
        "network": NETWORK,
        "features": FEATURES,
        "normaliser": CardNormaliser(mean=(0.0, 0.1, 0.5, 1.0), scale=(1.0, 2.0, 0.5, 1.0), constant=(FEATURES[3],)),
        "target_scale": (5e-4, 1.1e-3),
        "interval_half_widths": (6e-4, 1.4e-3),
        "feature_low": (-3.0, -6.0, -1.0, 1.0),
        "feature_high": (3.0, 6.0, 2.0, 1.0),
        "rows": 2_880,
        "samples": 2_860,
        "first_as_of": datetime(2024, 8, 1, 0, 1, tzinfo=UTC),
        "last_as_of": datetime(2024, 8, 3, tzinfo=UTC),
        "split": CardSplit(
            train=Part(samples=2_000, start_us=1_722_470_880_000_000, end_us=1_722_590_820_000_000),
            validation=Part(samples=350, start_us=1_722_591_660_000_000, end_us=1_722_612_600_000_000),
            test=Part(samples=286, start_us=1_722_613_440_000_000, end_us=1_722_630_540_000_000),
        ),
        "training_set_sha256": "ab" * 32,
        "training_key": "0123456789ab" + "0" * 52,
        "inputs": {"gold_features/2024-08-02": "cd" * 32},
        "seeds": (3,),
        "versions": {"keras": "3.15.1"},
        "device": "CPU",
        "metrics": {"rmse_bps_1": 5.01, "skill_over_zero_1": -0.002},
        "history": (Epoch(1, 1.01, 1.0, 2.0), Epoch(2, 0.99, 1.02, 1.0)),
        "best_epoch": 1,
        "limits": ("Foretells little.",),
    }
    return ModelCard(**{**given, **changes})
