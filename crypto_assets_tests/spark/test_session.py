"""What a session is configured with, on this machine and elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from crypto_assets.config import Settings
from crypto_assets.endpoints import S3Endpoint
from crypto_assets.errors import ConfigurationError
from crypto_assets.spark.s3 import s3_configuration
from crypto_assets.spark.session import SparkOptions, batch_session, configuration, cores, end_session

FOLDER = Path("/data/services/spark")
HERE = "127.0.0.1"


def test_spark_runs_on_this_machine_alone_where_nothing_else_is_said() -> None:
    found = configuration(SparkOptions(folder=FOLDER))

    assert found["spark.master"] == f"local[{cores()}]"
    assert found["spark.driver.host"] == found["spark.driver.bindAddress"] == HERE
    assert found["spark.ui.enabled"] == "false"
    assert found["spark.local.dir"] == str(FOLDER)
    assert "spark.sql.catalogImplementation" not in found


def test_no_more_tasks_run_than_there_are_cores() -> None:
    assert configuration(SparkOptions(folder=FOLDER, tasks=1))["spark.master"] == "local[1]"
    assert configuration(SparkOptions(folder=FOLDER, tasks=10_000))["spark.master"] == f"local[{cores()}]"


@pytest.mark.parametrize("master", ["spark://spark.test:7077", "yarn", "k8s://https://spark.test:6443"])
def test_on_a_cluster_executors_get_jars_and_memory_and_no_local_address(master: str) -> None:
    jars = (Path("/jars/a.jar"), Path("/jars/b.jar"))
    found = configuration(SparkOptions(folder=FOLDER, master=master, jars=jars, memory="3g"))

    assert found["spark.master"] == master
    assert found["spark.jars"] == "/jars/a.jar,/jars/b.jar"
    assert found["spark.executor.memory"] == found["spark.driver.memory"] == "3g"
    assert HERE not in "".join(found.values())
    assert found["spark.sql.session.timeZone"] == "UTC"


def test_a_connect_server_is_told_only_what_a_session_may_say() -> None:
    found = configuration(
        SparkOptions(folder=FOLDER, master="sc://spark.test:15002", jars=(Path("/a.jar"),), hive=True)
    )

    assert found["spark.remote"] == "sc://spark.test:15002"
    assert all(name.startswith(("spark.remote", "spark.sql.")) for name in found)


def test_hive_keeps_its_tables_in_derby_or_in_the_metastore_that_is_named() -> None:
    derby = configuration(SparkOptions(folder=FOLDER, hive=True))
    named = configuration(SparkOptions(folder=FOLDER, hive=True, metastore="thrift://spark.test:9083"))

    assert f"databaseName={FOLDER}/metastore" in derby["spark.hadoop.javax.jdo.option.ConnectionURL"]
    assert named["spark.hadoop.hive.metastore.uris"] == "thrift://spark.test:9083"
    assert "spark.hadoop.javax.jdo.option.ConnectionURL" not in named


def test_what_is_no_spark_is_refused_with_what_would_be_one(tmp_path: Path) -> None:
    end_session()
    with pytest.raises(
        ConfigurationError, match=r"SPARK_REMOTE=http://spark.test is no Spark: it is sc://spark.test:port"
    ):
        batch_session(SparkOptions(folder=tmp_path, master="http://spark.test"))


def test_settings_say_it_by_their_variables() -> None:
    given = {"data_dir": "/data", "spark_remote": "yarn", "spark_memory": "2g", "spark_tasks": 3, "spark_ui": True}
    options = SparkOptions.of(Settings(_env_file=None, **given))  # pyright: ignore

    assert options == SparkOptions(folder=FOLDER, master="yarn", memory="2g", tasks=3, ui=True)


@pytest.mark.parametrize("wrong", ["1", "1gb", "0g", "much"])
def test_memory_that_spark_would_not_understand_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="spark_memory"):
        Settings(_env_file=None, spark_memory=wrong)  # pyright: ignore


def test_a_named_s3_server_is_reached_by_path_and_amazons_by_its_own_ways() -> None:
    named = s3_configuration(S3Endpoint("http://127.0.0.1:9000", "one", "two", "us-east-1"), bucket="b")
    amazon = s3_configuration(S3Endpoint())

    assert named["fs.s3a.bucket.b.endpoint"] == "http://127.0.0.1:9000"
    assert named["fs.s3a.bucket.b.path.style.access"] == "true"
    assert named["fs.s3a.bucket.b.connection.ssl.enabled"] == "false"
    assert named["fs.s3a.bucket.b.access.key"] == "one"
    assert list(amazon) == ["fs.s3.impl"]


def test_connect_without_its_packages_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end_session()
    monkeypatch.setitem(sys.modules, "grpc_status", None)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)  # else it takes this for doctests

    with pytest.raises(ConfigurationError, match=r"SPARK_REMOTE=sc://spark.test:15002 .* Install pyspark\[connect\]"):
        batch_session(SparkOptions(folder=tmp_path, master="sc://spark.test:15002"))


def test_a_cluster_that_refuses_is_quoted(tmp_path: Path) -> None:
    def refuse(_: object) -> SparkSession:
        raise Py4JError(
            "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n"
            ": org.apache.spark.SparkException: Asked to launch cluster with 256 MiB/worker but requested 512 "
            "MiB/executor\n\tat org.apache.spark.SparkContext$.createTaskScheduler(SparkContext.scala:3361)"
        )

    end_session()
    with pytest.raises(ConfigurationError) as caught:
        batch_session(SparkOptions(folder=tmp_path, master="spark://spark.test:7077"), refuse)

    assert str(caught.value) == (
        "Spark does not start on spark://spark.test:7077: Asked to launch cluster with 256 MiB/worker but requested "
        "512 MiB/executor"
    )
