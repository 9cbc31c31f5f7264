"""The Spark session that assets are handed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from crypto_assets.config import Engine, Settings, read_settings
from crypto_assets.endpoints import BUCKET, S3Endpoint, embedded_endpoint, s3_endpoint
from crypto_assets.spark.s3 import s3_configuration
from crypto_assets.spark.session import SparkOptions, batch_session
from crypto_assets.spark.spread import Outcome, spread
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

    @property
    def engine(self) -> SparkSpread | None:
        """What spreads the work of many partitions, where ENGINE says so; else None."""
        settings = read_settings()
        return SparkSpread(settings) if settings.engine is Engine.SPARK else None


class SparkSpread:
    """Work on many items, spread over the executors of the session, which is started by it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__[I, R](
        self, items: Sequence[I], work: Callable[[I], R], *, on_done: Callable[[Outcome[I, R]], None]
    ) -> list[Outcome[I, R]]:
        """See `crypto_assets.spark.spread`; raises ConfigurationError or ServiceFailed without a session."""
        return spread(start_batch(self._settings), items, work, on_done=on_done)


def start_batch(settings: Settings, *, hive: bool = False) -> SparkSession:
    """The batch session of these settings: Java, jars, S3 and HDFS found, made by dagster-pyspark's own resource.

    Raises ConfigurationError or ServiceFailed where it cannot be had.
    """
    jars = (*fetch_jars("spark"), *fetch_jars("s3a"))
    hadoop = _s3(settings, os.environ)
    options = SparkOptions.of(settings, jars=jars, java_home=java_home(), hive=hive, hadoop=hadoop)
    return batch_session(options, _by_dagster)


def _s3(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Hadoop's settings of the server that the environment names, as for the lake, and of the embedded one's bucket."""
    url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    every = s3_configuration(
        S3Endpoint(url=url, region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"))
    )
    if settings.warehouse_s3_uri or embedded_endpoint(settings.data_dir, "s3") is None:
        return every
    return every | s3_configuration(s3_endpoint(settings), bucket=BUCKET)


def _by_dagster(configuration: Mapping[str, str]) -> SparkSession:
    from dagster_pyspark import LazyPySparkResource  # imports pyspark, which loading the graph does not need

    return LazyPySparkResource(spark_config=dict(configuration)).spark_session
