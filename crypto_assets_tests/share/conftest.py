"""A Spark session with Hive for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from crypto_assets.spark.session import SparkOptions, batch_session, end_session
from resources.services.jars import fetch_jars
from resources.services.java import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="package")
def hive_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session with Kafka's jars and a metastore of its own; each test takes a database of its own."""
    end_session()  # one of another folder's tests may be there
    options = SparkOptions(
        folder=tmp_path_factory.mktemp("spark"), jars=tuple(fetch_jars("spark")), java_home=java_home(), hive=True
    )
    yield batch_session(options)
    end_session()
