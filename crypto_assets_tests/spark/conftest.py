"""A real Spark of two tasks for these tests, and what runs in its processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from crypto_assets.spark.session import SparkOptions, batch_session, end_session
from resources.services.jars import fetch_jars
from resources.services.java import java_home

StartSpark = Callable[[], SparkSession]


@pytest.fixture(scope="module")
def start_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSpark]:
    """Hands out the session of this process; starts another where a test has ended it."""
    jars = (*fetch_jars("spark"), *fetch_jars("s3a"))  # those of the product: its tests go on with the same Java
    options = SparkOptions(folder=tmp_path_factory.mktemp("spark"), master="local[2]", java_home=java_home(), jars=jars)
    yield lambda: batch_session(options)
    end_session()


@pytest.fixture
def work_folder(tmp_path: Path) -> Path:
    """Where pieces of work leave traces that outlive their process."""
    return tmp_path
