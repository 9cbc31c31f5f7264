"""The Spark session that assets are handed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from crypto_assets.config import Settings, read_settings
from crypto_assets.spark.session import SparkOptions, batch_session
from resources.services.jars import fetch_jars
from resources.services.java import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkResource(dg.ConfigurableResource):
    """Hands out the one Spark session of this process, started at the first use, as SPARK_REMOTE says where.

    It has no configuration of its own: what it would be given, Dagster would store and show.
    """

    @property
    def session(self) -> SparkSession:
        """The session; raises ConfigurationError or ServiceFailed where it cannot be had."""
        return start_batch(read_settings())

    @property
    def hive_session(self) -> SparkSession:
        """The session with Hive's tables; raises likewise."""
        return start_batch(read_settings(), hive=True)


def start_batch(settings: Settings, *, hive: bool = False) -> SparkSession:
    """The batch session of these settings: Java, jars, S3 and HDFS found, made by dagster-pyspark's own resource.

    Raises ConfigurationError or ServiceFailed where it cannot be had.
    """
    jars = (*fetch_jars("spark"), *fetch_jars("s3a"))
    options = SparkOptions.of(settings, jars=jars, java_home=java_home(), hive=hive)
    return batch_session(options, _by_dagster)


def _by_dagster(configuration: Mapping[str, str]) -> SparkSession:
    from dagster_pyspark import LazyPySparkResource  # imports pyspark, which loading the graph does not need

    return LazyPySparkResource(spark_config=dict(configuration)).spark_session
