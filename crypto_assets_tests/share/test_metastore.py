"""A metastore that serves many: HIVE_METASTORE_URI over a real one, from the jars that Spark brings along."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest

from crypto_assets.ports import draw_port
from crypto_assets_tests.waiting import wait_for
from resources.services.java import java_command

HOST = "127.0.0.1"
START_S = 240
USER = """
import sys
from datetime import date
from pathlib import Path
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.share.hive import HiveTable
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.share.windows import price_windows
from crypto_assets.spark.session import SparkOptions, batch_session
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets_tests.share.facts import facts, minute
from resources.services.java import java_home

folder, day = Path(sys.argv[1]), date(2025, 9, 10)
store = WarehouseStore(str(folder / "share"))
store.publish(PRICE_AGGREGATES, day, price_windows(facts(minute(0, "100"))))
options = SparkOptions(folder=folder / "spark", java_home=java_home(), hive=True, metastore=sys.argv[2])
table = HiveTable(batch_session(options), PRICE_AGGREGATES, root=store.uri)
table.create()
table.add_day(day)
print(table.figures(day).rows, "rows on", *table.days(), flush=True)
sys.stdin.readline()
try:
    table.days()
except ServiceUnavailable as error:
    print(error, flush=True)
"""


@dataclass
class Metastore:
    """A process that serves a metastore over Thrift."""

    process: subprocess.Popen[bytes]
    url: str

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def metastore(tmp_path: Path) -> Iterator[Metastore]:
    """One of the test's own, whose database is empty."""
    port = draw_port()
    options = {
        "hive.async.log.enabled": "false",
        "derby.system.home": str(tmp_path),
        "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={tmp_path / 'metastore'};create=true",
        "datanucleus.schema.autoCreateAll": "true",
        "hive.metastore.schema.verification": "false",
        "hive.metastore.warehouse.dir": str(tmp_path / "warehouse"),
    }
    command = [str(java_command()), "-Xmx256m", "-cp", f"{Path(pyspark.__file__).parent / 'jars'}/*"]
    command += [f"-D{name}={value}" for name, value in options.items()]
    command += ["org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    served = Metastore(process, f"thrift://{HOST}:{port}")
    try:
        wait_for(lambda: _listens(port), until=bool, deadline_s=START_S)
        yield served
    finally:
        served.end()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def test_a_named_metastore_is_used_and_told_of_when_it_is_gone(metastore: Metastore, tmp_path: Path) -> None:
    command = [sys.executable, "-c", USER, str(tmp_path / "user"), metastore.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as user:
        assert user.stdout is not None
        first = user.stdout.readline()
        metastore.end()
        said, errors = user.communicate("\n", timeout=START_S)
    assert first == "4 rows on 2025-09-10\n", errors
    assert not (tmp_path / "user" / "spark" / "metastore").exists()
    assert "Hive's metastore does not answer. Is the one running that HIVE_METASTORE_URI names?" in said, errors
