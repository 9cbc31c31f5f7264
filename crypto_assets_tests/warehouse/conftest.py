"""The Spark session of the tests of the warehouse, a stand-in for Redshift, and a store on S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from crypto_assets.config import Settings
from crypto_assets.spark.session import end_session
from crypto_assets.warehouse.load import RedshiftClient
from crypto_assets.warehouse.store import WarehouseStore
from resources.spark import start_batch
from resources.warehouse import redshift_resource

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def spark(live_settings: Settings) -> Iterator[SparkSession]:
    """The batch session, with two tasks at once."""
    yield start_batch(live_settings.model_copy(update={"spark_tasks": 2}))
    end_session()


@pytest.fixture
def redshift(warehouse: str) -> RedshiftClient:
    """The client of dagster-aws, unchanged, on a stand-in for Redshift."""
    return redshift_resource(warehouse, embedded=True).get_client()


@pytest.fixture
def store(bucket: str) -> WarehouseStore:
    """An empty store on S3."""
    return WarehouseStore(f"{bucket}/warehouse")


@pytest.fixture
def client_of() -> Callable[[str], RedshiftClient]:
    """`client_of(url)`: the client of dagster-aws for a URL."""
    return lambda url: redshift_resource(url, embedded=True).get_client()
