"""Processes of Spark that are killed or have too little memory while a day is read: read again, or told what to do."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pyarrow as pa
import pytest

from crypto_assets.config import Settings
from crypto_assets.errors import WarehouseError
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import TRADES as TRADES_TABLE
from crypto_assets.spark.session import end_session
from crypto_assets.warehouse import extract
from crypto_assets.warehouse.extract import (
    ATTEMPTS,
    DayFacts,
    facts_from_lake,
    facts_from_postgres,
    facts_of_partition,
    read_lake_trades,
)
from crypto_assets_tests.databases import EXCHANGE, trade_row
from crypto_assets_tests.warehouse.test_extract import put_in_lake, trades_of_a_day
from resources.spark import start_batch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2024, 8, 8)
START = datetime(2024, 8, 8, tzinfo=UTC)


@pytest.fixture
def some_trades(database: str) -> str:
    """URL of a database with an hour of trades."""
    with closing(connect(database)) as connection:
        upsert_rows(connection, TRADES_TABLE, [trade_row(n, at=START + timedelta(minutes=n)) for n in range(60)])
        connection.commit()
    return database


@pytest.fixture
def session(live_settings: Settings) -> Callable[[], SparkSession]:
    """`session()`: the batch session, a new one where the former has died."""
    return lambda: start_batch(live_settings.model_copy(update={"spark_tasks": 2}))


@pytest.fixture(scope="module", autouse=True)
def one_spark() -> Iterator[None]:
    yield
    end_session()


type Task = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def first_time(marker: Path, act: Callable[[], None]) -> Task:
    """A task that does this before its work, once in all; Spark pickles what a function defines by its content."""

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        if not marker.exists():
            marker.touch()
            act()
        return facts_of_partition(batches)

    return task


@pytest.mark.parametrize("killed", ["python", "java"])
def test_a_process_that_is_killed_once_costs_time_only(
    some_trades: str,
    session: Callable[[], SparkSession],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed: str,
) -> None:
    def kill() -> None:
        worker = psutil.Process()
        forked_from = worker.parent()
        java = forked_from.parent() if forked_from is not None else None
        assert java is not None
        (java if killed == "java" else worker).kill()

    marker = tmp_path / "killed"
    monkeypatch.setattr(extract, "facts_of_partition", first_time(marker, kill))
    found = facts_from_postgres(session, some_trades, exchange=EXCHANGE, day=DAY)
    assert marker.exists()
    assert found.facts.num_rows == 60


def test_python_that_is_always_killed_ends_in_a_sentence_that_says_what_to_change(
    some_trades: str, session: Callable[[], SparkSession], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        (tmp_path / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
        return facts_of_partition(batches)

    monkeypatch.setattr(extract, "facts_of_partition", dies)
    with pytest.raises(WarehouseError) as failed:
        facts_from_postgres(session, some_trades, exchange=EXCHANGE, day=DAY)
    assert len(list(tmp_path.iterdir())) == ATTEMPTS
    assert str(failed.value).startswith("The facts of 2024-08-08 could not be made: its Python process was killed")
    assert "Let fewer tasks run at once (SPARK_TASKS)" in str(failed.value)
    assert str(failed.value).endswith("What was there stays.")


@pytest.mark.parametrize("times", [1, ATTEMPTS])
def test_python_that_is_killed_while_the_lake_is_read_is_treated_alike(
    session: Callable[[], SparkSession], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()

    def dies(lake: Lake, symbol: str, day: date) -> Iterator[pa.Table]:
        if len(list(killed.iterdir())) < times:
            (killed / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return read_lake_trades(lake, symbol, day)

    put_in_lake(Lake(str(tmp_path / "lake")), trades_of_a_day())
    monkeypatch.setattr(extract, "read_lake_trades", dies)

    def read() -> DayFacts:
        return facts_from_lake(session, str(tmp_path / "lake"), symbols=["BTCUSDT"], day=DAY)

    if times == 1:
        assert read().facts.num_rows > 0
    else:
        with pytest.raises(WarehouseError, match=r"could not be made: its Python process was killed.*stays\.$"):
            read()
    assert len(list(killed.iterdir())) == times


def test_a_task_without_memory_ends_in_a_sentence_that_says_what_to_change(
    some_trades: str, session: Callable[[], SparkSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    def needs_too_much(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (held + (64 << 20), resource.RLIM_INFINITY))  # as Spark limits a worker
        try:
            bytearray(1 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return facts_of_partition(batches)

    monkeypatch.setattr(extract, "facts_of_partition", needs_too_much)
    with pytest.raises(WarehouseError) as failed:
        facts_from_postgres(session, some_trades, exchange=EXCHANGE, day=DAY)
    assert "The facts of 2024-08-08 could not be made: its Python process got no more memory." in str(failed.value)
    assert "Let fewer tasks run at once (SPARK_TASKS)" in str(failed.value)


def test_amounts_that_no_fact_can_hold_are_told_in_our_own_words(
    database: str, session: Callable[[], SparkSession]
) -> None:
    huge = list(trade_row(1, at=START, price="1000000000000"))
    huge[5] = "1000000000000"
    with closing(connect(database)) as connection:
        upsert_rows(connection, TRADES_TABLE, [huge])
        connection.commit()
    with pytest.raises(WarehouseError) as failed:
        facts_from_postgres(session, database, exchange=EXCHANGE, day=DAY)
    assert "could not be made: Trades are too large to sum exactly: BTCUSDT 1 has the quantity 1e+12" in str(
        failed.value
    )
