"""A month of features spread over Spark's tasks, beside one process and a bare PySpark job of the same function."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from bench.measuring import Line
from bench.workspace import SYMBOL, finish, run_environment, start_runs, write_archive
from crypto_assets.assets.gold_days import FeatureDays
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition
from crypto_assets.runs.stages import Stage
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES
from crypto_assets.spark.session import SparkOptions, batch_session, cores, end_session
from crypto_assets.spark.spread import spread
from resources.services.java import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FIRST = date(2024, 8, 1)
DAYS = 30
ROUNDS = 2
INPUTS = tuple(dataset.name for dataset in (*BRONZE_KLINES.values(), *SILVER_KLINES.values()))


def measure(folder: Path) -> list[Line]:
    """What ENGINE=spark does with a range of days, from files to files, once Spark runs; and how long it takes to."""
    lake = _silver(folder / "fanout")
    partitions = [Partition(SYMBOL, FIRST + timedelta(days=n)) for n in range(DAYS)]
    began = time.perf_counter()
    session = batch_session(SparkOptions(folder=folder / "fanout" / "spark", java_home=java_home()))
    try:
        spread(session, partitions[: cores()], FeatureDays(lake).write)
        start_s = time.perf_counter() - began
        ours_s, bare_s, one_s = _times(
            lake,
            lambda: on_spark(session, lake, partitions),
            lambda: bare(session, lake, partitions),
            lambda: in_process(lake, partitions),
        )
    finally:
        end_session()
    places = cores()
    return [
        Line(
            f"{DAYS} days of gold on Spark, {places} cores / bare PySpark",
            f"{ours_s:.1f} s", f"{bare_s:.1f} s", ours_s / bare_s, "at most 1.25",
        ),
        Line("  same / in one process", f"{ours_s:.1f} s", f"{one_s:.1f} s", ours_s / one_s, "below 1 on 4 cores"),
        Line("  before that, start of Spark and its processes", f"{start_s:.1f} s"),
    ]  # fmt: skip


def on_spark(session: SparkSession, lake: Lake, partitions: Sequence[Partition]) -> None:
    """As an asset of gold does it with ENGINE=spark."""
    outcomes = spread(session, partitions, FeatureDays(lake).write)
    failed = [outcome for outcome in outcomes if outcome.failure is not None]
    assert not failed, failed[0]


def bare(session: SparkSession, lake: Lake, partitions: Sequence[Partition]) -> None:
    """The same function in a job of a few lines: no failure is told apart, no day before the last."""

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        write = FeatureDays(lake).write
        for batch in batches:
            rows = [write(partitions[place]).rows for place in batch.column(0).to_pylist()]
            yield pa.RecordBatch.from_pydict({"rows": rows})

    counted = session.range(len(partitions)).mapInArrow(task, "rows long").collect()
    assert len(counted) == len(partitions)


def in_process(lake: Lake, partitions: Sequence[Partition]) -> None:
    """As an asset of gold does it by default: one day after the other."""
    write = FeatureDays(lake).write
    for partition in partitions:
        write(partition)


def _times(lake: Lake, *calls: Callable[[], None]) -> list[float]:
    """Best seconds of each, after a call that does not count; they take turns, and each finds no gold."""
    times: list[list[float]] = [[] for _ in calls]
    gold = Path(lake.uri_of(GOLD_FEATURES, SYMBOL, FIRST).removeprefix("file://")).parents[1]
    for _ in range(ROUNDS + 1):
        for call, taken in zip(calls, times, strict=True):
            shutil.rmtree(gold, ignore_errors=True)
            began = time.perf_counter()
            call()
            taken.append(time.perf_counter() - began)
    return [min(taken[1:]) for taken in times]


def _silver(data_dir: Path) -> Lake:
    """A lake with the month's candles, cleaned."""
    recorded = data_dir / "recorded"
    write_archive(recorded, first=FIRST, days=DAYS)
    stage = Stage(INPUTS, FIRST, FIRST + timedelta(days=DAYS - 1))
    log = data_dir / "run.log"
    environment = run_environment(data_dir, EXCHANGE="replay", REPLAY_URI=str(recorded))
    finish(start_runs([stage], environment=environment, log=log), log=log)
    return Lake(str(data_dir / "lake"))
