"""A platform for each test, and one that has five days of one symbol already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.spark.session import end_session
from crypto_assets_tests.assets.small_exchange import SmallPlatform, day, make_platform
from crypto_assets_tests.assets.warehouse_world import SYMBOLS, WarehouseWorld, make_world
from crypto_assets_tests.databases import EXCHANGE
from resources.services.redshift_standin.database import STAND_IN_ROLE


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


@pytest.fixture(scope="module")
def one_spark() -> Iterator[None]:
    """One session for the tests of a module."""
    yield
    end_session()


@pytest.fixture
def make_warehouse_world(
    database: str, bucket: str, warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., WarehouseWorld]]:
    """`make_warehouse_world(**environment)`: the graph on a database, a bucket and an empty Redshift."""
    with dg.DagsterInstance.ephemeral() as instance:

        def make(**variables: str) -> WarehouseWorld:
            environment = {
                "POSTGRES_URL": database,
                "WAREHOUSE_URL": f"{warehouse}?sslmode=disable",
                "WAREHOUSE_S3_URI": f"{bucket}/warehouse",
                "REDSHIFT_IAM_ROLE": STAND_IN_ROLE,
                "DATA_DIR": str(tmp_path),
                "EXCHANGE": "simulator",
                "SIMULATOR_SEED": EXCHANGE.removeprefix("simulator-"),
                "SYMBOLS": ",".join(SYMBOLS),
                "PARTITIONS_START": "2024-08-01",
                "SPARK_TASKS": "2",
                **variables,
            }
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            return make_world(environment, database=database, warehouse=warehouse, instance=instance)

        yield make
