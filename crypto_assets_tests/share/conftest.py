"""A Spark session with Hive for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from crypto_assets.endpoints import S3Endpoint
from crypto_assets.spark.s3 import s3_configuration
from crypto_assets.spark.session import SparkOptions, batch_session, end_session
from resources.services.jars import fetch_jars
from resources.services.java import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="package")
def hive_session(tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str) -> Iterator[SparkSession]:
    """A session with Kafka's and S3's jars and a metastore of its own; each test takes a database of its own."""
    end_session()  # one of another folder's tests may be there
    options = SparkOptions(
        folder=tmp_path_factory.mktemp("spark"),
        jars=(*fetch_jars("spark"), *fetch_jars("s3a")),
        java_home=java_home(),
        hive=True,
        hadoop=s3_configuration(S3Endpoint(s3_endpoint, "test", "test", "us-east-1")),
    )
    yield batch_session(options)
    end_session()
