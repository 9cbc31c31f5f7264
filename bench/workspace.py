"""Data to measure on: simulated days, in a folder that goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.dagster_home import PROJECT, prepare_dagster_home
from crypto_assets.demo.events import encode_orders
from crypto_assets.demo.plan import Stage
from crypto_assets.demo.workers import orders_of
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.simulator.process import start_simulator

SYMBOL = "BTCUSDT"


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
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "crypto_assets.demo.worker", encode_orders(orders_of(SYMBOL, stages=stages))],
            env=dict(environment),
            cwd=PROJECT,
            stdout=output,
            stderr=output,
        )


def finish(process: subprocess.Popen[bytes], *, log: Path) -> None:
    """Wait for the runs; ends the bench with the end of the log when one failed."""
    if process.wait() != 0:
        sys.exit(f"a run of the bench failed:\n{log.read_text(errors='replace')[-4000:]}")
