"""Data to measure on: simulated days, in a folder that goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.config import Settings
from crypto_assets.dagster_home import PROJECT, prepare_dagster_home
from crypto_assets.processes import start_child
from crypto_assets.runs.stages import Stage
from crypto_assets.runs.workers import worker_of
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.simulator.process import start_simulator
from resources.services.manager import Services
from resources.services.service import Name

SYMBOL = "BTCUSDT"


@contextmanager
def embedded(data_dir: Path, names: Sequence[Name], **settings: object) -> Generator[Settings]:
    """Settings of a folder in which these services, and those that they need, run while the context lasts."""
    elsewhere = ("kafka_bootstrap_servers", "postgres_url", "redis_url", "warehouse_s3_uri", "warehouse_url")
    values = {**dict.fromkeys((*elsewhere, "redshift_iam_role", "spark_remote")), **settings, "data_dir": data_dir}
    own = Settings.model_validate(values)
    services = Services(own, environment=os.environ, attached=True)
    services.start(names)
    try:
        yield own
    finally:
        services.stop()


def write_archive(folder: Path, *, first: date, days: int) -> None:
    """Zips of spot candles of these days as the exchange publishes them, below `folder`/archive."""
    server = start_simulator(symbols=[SYMBOL])
    try:
        client = ArchiveClient(server.url, downloads=folder / "archive")
        for timeframe in TIMEFRAMES:
            for n in range(days):
                client.fetch(ArchiveFile.spot_klines(SYMBOL, timeframe, first + timedelta(days=n)))
    finally:
        server.stop()


def run_environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """The environment of a run that keeps everything in `data_dir`."""
    outside = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    home = prepare_dagster_home(data_dir, environment=outside)
    return {**outside, "DATA_DIR": str(data_dir), "DAGSTER_HOME": str(home), "SYMBOLS": SYMBOL, **variables}


def start_runs(stages: Sequence[Stage], *, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A process that runs the stages of SYMBOL one after the other."""
    command = [sys.executable, "-m", *worker_of(SYMBOL, [SYMBOL], stages).command]
    return start_child(command, environment=environment, folder=PROJECT, log=log)


def finish(process: subprocess.Popen[bytes], *, log: Path) -> None:
    """Wait for the runs; raises RuntimeError with the last line of the log when one failed."""
    if process.wait() != 0:
        said = log.read_text(errors="replace")[-4_000:]
        print(said, file=sys.stderr)
        raise RuntimeError(f"a run failed: {said.strip().splitlines()[-1]}")
