"""A month of features spread over Spark's tasks, beside one process and a bare PySpark job of the same function."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from bench.measuring import Rounds, Taken, answer, run_module, take_turns
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
MODULE = "bench.parts.fanout"
INPUTS = tuple(dataset.name for dataset in (*BRONZE_KLINES.values(), *SILVER_KLINES.values()))


def measure(folder: Path, rounds: int) -> Taken:
    """What ENGINE=spark does with a range of days, from files to files, once Spark runs; and how long it takes to."""
    lake = _silver(folder / "fanout")
    partitions, options = _partitions(), _options(folder / "fanout" / "spark")
    starts = [run_module(MODULE, lake.uri, str(options.folder), answer=float) for _ in range(rounds)]
    yield "fanout.start", Rounds(starts)
    gold = Path(lake.uri_of(GOLD_FEATURES, SYMBOL, FIRST).removeprefix("file://")).parents[1]
    session = batch_session(options)
    try:
        ours, other, one = take_turns(
            lambda: on_spark(session, lake, partitions),
            lambda: bare(session, lake, partitions),
            lambda: in_process(lake, partitions),
            rounds=rounds,
            before=lambda: shutil.rmtree(gold, ignore_errors=True),
        )
    finally:
        end_session()
    yield "fanout.spark", Rounds(ours.seconds, other.seconds)
    yield "fanout.one_process", Rounds(ours.seconds, one.seconds)


def start_s(lake: Lake, options: SparkOptions) -> float:
    """Seconds until Spark and its Python processes have done as many days as there are cores."""
    began = time.perf_counter()
    try:
        spread(batch_session(options), _partitions()[: cores()], FeatureDays(lake).write)
        return time.perf_counter() - began
    finally:
        end_session()


def _options(folder: Path) -> SparkOptions:
    return SparkOptions(folder=folder, java_home=java_home())


def _partitions() -> list[Partition]:
    return [Partition(SYMBOL, FIRST + timedelta(days=n)) for n in range(DAYS)]


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


def _silver(data_dir: Path) -> Lake:
    """A lake with the month's candles, cleaned."""
    recorded = data_dir / "recorded"
    write_archive(recorded, first=FIRST, days=DAYS)
    stage = Stage(INPUTS, FIRST, FIRST + timedelta(days=DAYS - 1))
    log = data_dir / "run.log"
    environment = run_environment(data_dir, EXCHANGE="replay", REPLAY_URI=str(recorded))
    finish(start_runs([stage], environment=environment, log=log), log=log)
    return Lake(str(data_dir / "lake"))


if __name__ == "__main__":
    answer(start_s(Lake(sys.argv[1]), _options(Path(sys.argv[2]))))
