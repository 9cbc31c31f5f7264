"""The Spark session of the tests of the warehouse, and trades to put into PostgreSQL and the lake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from crypto_assets.config import Settings
from crypto_assets.spark.session import end_session
from resources.spark import start_batch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def spark(live_settings: Settings) -> Iterator[SparkSession]:
    """The batch session, with two tasks at once."""
    yield start_batch(live_settings.model_copy(update={"spark_tasks": 2}))
    end_session()
