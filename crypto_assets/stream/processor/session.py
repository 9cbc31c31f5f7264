"""The Spark session of the processor: small, quiet, on this machine only, and its stream of Kafka messages."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_assets.access import spark_options
from crypto_assets.errors import ConfigurationError
from crypto_assets.spark.launch import launch, local_configuration
from crypto_assets.stream.avro import FINGERPRINT_HEADER
from crypto_assets.stream.topics import TICKERS, TRADES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SPARK_JARS = "CRYPTO_ASSETS_SPARK_JARS"
"""Variable that names the jars of Spark's Kafka source, separated as paths are."""
HEAP = "640m"
BATCH_MESSAGES = 20_000
"""Most messages of one micro-batch: what is held in memory while a long absence is made up for."""
STOP_MS = 10_000
READERS = TICKERS.partitions + TRADES.partitions
"""Tasks at once: each waits for Kafka rather than computes (Spark asks for both ends of a partition with each read)."""
CHECKPOINTS = "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"


def jars_of(environment: Mapping[str, str]) -> list[Path]:
    """The jars that the environment names; raises ConfigurationError where there are none."""
    jars = [Path(name) for name in environment.get(SPARK_JARS, "").split(os.pathsep) if name]
    missing = [jar for jar in jars if not jar.is_file()]
    if missing or not jars:
        reason = f"{missing[0]} is missing" if missing else f"{SPARK_JARS} names none"
        raise ConfigurationError(
            f"The processor needs the jars of Spark's Kafka source, but {reason}. `make up` fetches them and starts it."
        )
    return jars


def start_session(jars: Sequence[Path], *, folder: Path) -> SparkSession:
    """A session in UTC with ANSI SQL and without a UI; `folder` takes what Spark leaves behind.

    Raises ConfigurationError where Java cannot be started.
    """
    name = {"spark.master": f"local[{READERS}]", "spark.app.name": "crypto_assets processor"}
    environment = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    session = launch({**_configuration(jars, folder), **name}, environment=environment)
    session.sparkContext.setLogLevel("OFF")  # what fails a query is said once, by the processor
    return session


def read_messages(
    session: SparkSession, *, servers: str, topics: Sequence[str], at_most: int | None = BATCH_MESSAGES
) -> DataFrame:
    """The stream of messages: topic, partition, offset, timestamp_us, value, fingerprint.

    `at_most` messages make a micro-batch; None takes all that are there. A gap of offsets fails the query, for it must
    not go on as if nothing was missing (see `checkpoint.py`).
    """
    limit = {} if at_most is None else {"maxOffsetsPerTrigger": at_most}
    return (
        session.readStream.format("kafka")
        .options(**spark_options(servers))
        .option("subscribe", ",".join(topics))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
        .options(**limit)
        .load()
        .selectExpr(
            "topic",
            "partition",
            "offset",
            "unix_micros(timestamp) AS timestamp_us",
            "value",
            f"get(filter(headers, header -> header.key = '{FINGERPRINT_HEADER}'), 0).value AS fingerprint",
        )
    )


def _configuration(jars: Sequence[Path], folder: Path) -> dict[str, str]:
    # the second compiler costs more than it saves: half of the CPU time of small batches
    java = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    return {
        **local_configuration(jars, folder=folder, heap=HEAP, java=java),
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",  # plans of one projection gain nothing from being compiled
        # Without Hadoop's native library the default starts a `chmod` for each of a batch's two log files, and a file
        # with a checksum beside each: 30 ms instead of 6. A log that cannot be read is put aside like any misfit.
        "spark.sql.streaming.checkpointFileManagerClass": CHECKPOINTS,
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        "spark.sql.streaming.stopTimeout": str(STOP_MS),
        "spark.sql.streaming.numRecentProgressUpdates": "2",
        "spark.sql.ui.retainedExecutions": "1",
        "spark.ui.retainedJobs": "1",
        "spark.ui.retainedStages": "1",
        "spark.ui.retainedTasks": "10",
    }
