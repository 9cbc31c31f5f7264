"""A cluster of two executors, each with a Java of its own, on this machine: what becomes of work when one is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from crypto_assets.spark.session import SparkOptions, batch_session, end_session
from crypto_assets.spark.spread import spread
from resources.services.java import java_home


def executor_killed_at(number: int, *, bad: int, folder: Path) -> int:
    if number == bad and not (folder / "killed").exists():
        (folder / "killed").touch()
        process = psutil.Process()
        while process.name() != "java":
            parent = process.parent()
            assert parent is not None
            process = parent
        process.send_signal(signal.SIGKILL)
    return os.getpid()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SparkSession]:
    """Spark's own cluster for tests, which starts executors as its standalone one does; they see this project."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    end_session()
    options = SparkOptions(
        folder=tmp_path / "spark", master="local-cluster[2,1,512]", java_home=java_home(), memory="512m"
    )
    yield batch_session(options)
    end_session()


def test_a_killed_executor_costs_no_item(cluster: SparkSession, tmp_path: Path) -> None:
    outcomes = spread(cluster, range(6), partial(executor_killed_at, bad=3, folder=tmp_path))

    assert (tmp_path / "killed").exists()
    assert [outcome.failure for outcome in outcomes] == [None] * 6
    assert len({outcome.result for outcome in outcomes}) >= 2
