"""A platform for each test, and one that has five days of one symbol already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets_tests.assets.small_exchange import SmallPlatform, day, make_platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[SmallPlatform]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield make_platform(tmp_path, instance)


@pytest.fixture(scope="session")
def five_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SmallPlatform, dg.ExecuteInProcessResult]]:
    """2024-08-01 to -05 of BTCUSDT from the exchange to features, in one run; do not change it."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = make_platform(tmp_path_factory.mktemp("five_days"), instance)
        yield platform, platform.run(day(1), day(5))
