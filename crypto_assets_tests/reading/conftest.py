"""A small lake, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.config import Settings
from crypto_assets.lake.lake import Lake
from crypto_assets.reading.open_lake import OpenLake, open_lake
from crypto_assets_tests.reading.small_lake import fill
from crypto_assets_tests.services import service_settings


@pytest.fixture(scope="package")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that no test changes."""
    lake = Lake(str(tmp_path_factory.mktemp("small") / "lake"))
    fill(lake)
    return lake


@pytest.fixture(scope="package")
def settings(lake: Lake) -> Settings:
    """Settings of that lake, with no service."""
    folder = Path(lake.uri).parent
    return service_settings(folder, lake_uri=lake.uri, symbols=("BTCUSDT", "ETHUSDT"))


@pytest.fixture(scope="package")
def reader(settings: Settings) -> OpenLake:
    """The same, opened for reading."""
    return open_lake(settings=settings)
