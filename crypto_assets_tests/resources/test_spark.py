"""The one Spark session of a process: its rules, its Hive, its way to S3, and its Java when that is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pyarrow.parquet as pq
import pytest
from pyspark import SparkContext
from pyspark.java_gateway import ensure_callback_server_started

from crypto_assets.config import Settings
from crypto_assets.endpoints import BUCKET, write_endpoint
from crypto_assets.spark import session as spark_session
from crypto_assets.spark.session import end_session, is_alive
from resources.spark import SparkResource, start_batch


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("data")
    yield Settings(_env_file=None, data_dir=folder, spark_tasks=2)  # pyright: ignore
    end_session()


def test_a_session_speaks_utc_and_ansi_and_writes_microseconds(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = start_batch(settings)

    row = session.sql("SELECT CAST(0 AS TIMESTAMP) AS at, TIMESTAMP '2024-08-05 00:00:00.000001' AS later")
    row.write.parquet(str(settings.data_dir / "written"))

    (file,) = (settings.data_dir / "written").glob("*.parquet")
    assert str(pq.read_schema(file).field("later").type) == "timestamp[us, tz=UTC]"
    assert row.select("later").toArrow()["later"][0].as_py() == datetime(2024, 8, 5, 0, 0, 0, 1, UTC)
    assert session.conf.get("spark.sql.ansi.enabled") == "true"
    assert session.sparkContext.master in {"local[1]", "local[2]"}
    assert session.sparkContext.uiWebUrl is None
    assert list(tmp_path.iterdir()) == []


def test_whoever_asks_gets_the_same_session(settings: Settings) -> None:
    assert start_batch(settings) is start_batch(settings)


def test_a_bucket_is_reached_that_was_served_only_after_the_session_began(settings: Settings, s3_endpoint: str) -> None:
    session = start_batch(settings)
    keys = {"access_key": "one", "secret_key": "two", "region": "us-east-1"}
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint, aws_access_key_id="one", aws_secret_access_key="two", region_name="us-east-1"
    )
    client.create_bucket(Bucket=BUCKET)
    write_endpoint(settings.data_dir, "s3", {"url": s3_endpoint, **keys})

    start_batch(settings)
    session.range(10).coalesce(1).write.mode("overwrite").parquet(f"s3a://{BUCKET}/numbers")

    assert session.read.parquet(f"s3://{BUCKET}/numbers").count() == 10
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix="numbers/")["Contents"]
    assert any(item["Key"].endswith(".parquet") for item in listed)


def test_hive_is_given_to_whoever_asks_and_kept_for_those_who_do_not(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    start_batch(settings)

    hive = start_batch(settings, hive=True)

    hive.sql("CREATE TABLE IF NOT EXISTS kept (number INT) STORED AS PARQUET")
    assert [row.tableName for row in hive.sql("SHOW TABLES").collect()] == ["kept"]
    assert start_batch(settings) is hive
    assert list(tmp_path.iterdir()) == []
    assert (settings.data_dir / "services" / "spark" / "metastore").is_dir()


def test_a_killed_java_is_followed_by_another(settings: Settings) -> None:
    former = start_batch(settings)
    java = SparkContext._gateway.proc  # pyright: ignore
    java.kill()
    java.wait()
    assert not is_alive()

    another = start_batch(settings)

    assert another is not former
    assert another.range(3).count() == 3


class Called:
    """What Java calls back, and asks Java something, as each batch of a stream does; its connection stays open."""

    def __init__(self, jvm: Any) -> None:
        self._jvm = jvm
        self.done = threading.Event()

    def run(self) -> None:
        self._jvm.java.lang.System.nanoTime()
        self.done.set()

    class Java:
        implements: ClassVar[list[str]] = ["java.lang.Runnable"]


def test_another_memory_is_given_by_another_java_also_where_the_former_answers_nobody(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    jvm = start_batch(settings).sparkContext._jvm  # pyright: ignore
    gateway, called = SparkContext._gateway, Called(jvm)  # pyright: ignore
    ensure_callback_server_started(gateway)
    threads = jvm.java.util.concurrent.Executors.newSingleThreadExecutor()  # pyright: ignore
    threads.execute(called)
    assert called.done.wait(30)
    former = gateway.proc  # pyright: ignore
    end_session()
    monkeypatch.setattr(spark_session, "JAVA_ENDS_S", 1.0)
    former.send_signal(signal.SIGSTOP)

    session = start_batch(settings.model_copy(update={"spark_memory": "768m"}))

    assert former.poll() is not None
    assert session.sparkContext._jvm.java.lang.Runtime.getRuntime().maxMemory() < 800 << 20  # pyright: ignore
    end_session()


def test_the_environment_of_this_process_stays_as_it_was(settings: Settings) -> None:
    before = dict(os.environ)
    end_session()

    start_batch(settings)

    assert {name: value for name, value in os.environ.items() if before.get(name) != value} in (
        {},
        {"SPARK_HOME": os.environ.get("SPARK_HOME")},
    )


@pytest.mark.parametrize(("engine", "spreads"), [("local", False), ("spark", True)])
def test_work_is_spread_where_the_engine_says_so(engine: str, spreads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", engine)

    assert (SparkResource().engine is not None) is spreads
