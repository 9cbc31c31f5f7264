"""A made-up day that most tests of features read."""

from __future__ import annotations

import pyarrow as pa
import pytest

from crypto_assets.features.compute import compute_features
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets_tests.features.synthetic import DAY, market


@pytest.fixture(scope="session")
def day_inputs() -> FeatureInputs:
    """DAY and the four days before it, with an order book every 10 s and a perpetual."""
    return market(seed=7)


@pytest.fixture(scope="session")
def gold(day_inputs: FeatureInputs) -> pa.Table:
    """Gold of that day."""
    return compute_features(day_inputs, day=DAY)
