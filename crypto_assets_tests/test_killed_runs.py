"""A backfill that is killed at any moment, and repeated, ends as if nothing had happened."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.partitions import Partition, range_tags
from crypto_assets.schemas import BRONZE, BRONZE_KLINES, BRONZE_TRADES, SILVER, SILVER_KLINES
from crypto_assets.simulator.process import start_simulator
from proof.crash.child import forking

FIRST, LAST = Partition("BTCUSDT", date(2024, 8, 5)), Partition("BTCUSDT", date(2024, 8, 6))
WRITTEN = (*(dataset for dataset in BRONZE if dataset is not BRONZE_TRADES), *SILVER, GOLD_FEATURES)
KILLS = 3
"""One in each third of a run."""


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return forking()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    captures = tmp_path_factory.mktemp("captures")
    for day in (FIRST.day, LAST.day):
        _put_capture(captures, day)
    with start_simulator(symbols=("BTCUSDT",)) as exchange:
        urls = dict.fromkeys(("BINANCE_ARCHIVE_URL", "BINANCE_SPOT_REST_URL", "BINANCE_FUTURES_REST_URL"), exchange.url)
        yield {
            **urls,
            "CAPTURE_URI": str(captures),
            "SYMBOLS": "BTCUSDT",
            "EXCHANGE": "simulator",
            "PARTITIONS_START": "2024-08-01",
        }


def _put_capture(folder: Path, day: date) -> None:
    """A book of ten levels every ten seconds of the first half hour."""
    path = folder / "spot" / f"btcusdt_{day:%Y%m%d}.gz"
    path.parent.mkdir(exist_ok=True)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with gzip.open(path, "wt") as lines:
        for n in range(180):
            received = midnight + timedelta(seconds=10 * n + 1)
            bids = [[f"{61000 - level - n % 7}.00", f"{1 + level}.5"] for level in range(10)]
            asks = [[f"{61001 + level + n % 5}.00", f"{2 + level}.5"] for level in range(10)]
            book = {"lastUpdateId": 1000 + n, "bids": bids, "asks": asks}
            message = {"stream": "btcusdt@depth10@100ms", "data": book}
            lines.write(f"{int(received.timestamp()) * 10**9} {json.dumps(message)}\n")


def _backfill(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    import dagster as dg

    from crypto_assets.config import read_settings
    from crypto_assets.definitions import build_definitions

    job = build_definitions(read_settings()).resolve_job_def("medallion")
    written = [dg.AssetKey(dataset.name) for dataset in WRITTEN]  # checks write nothing that could be torn
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(tags=range_tags(FIRST, LAST), instance=instance, asset_selection=written)


def _run(processes: ForkServerContext, environment: Mapping[str, str], *, kill_at_files: int | None = None) -> None:
    """Run the backfill; with `kill_at_files` only until the lake holds so many files."""
    lake = Path(environment["DATA_DIR"]) / "lake"
    child = processes.Process(target=_backfill, args=(dict(environment),))
    child.start()
    assert child.pid is not None
    if kill_at_files is None:
        child.join()
        assert child.exitcode == 0
        return
    while child.is_alive() and len(_visible(lake)) < kill_at_files:
        child.join(0.002)
    if child.is_alive():
        os.kill(child.pid, signal.SIGKILL)
    child.join()


def _contents(lake: Path) -> dict[str, str]:
    """Content of every file that a reader of the lake can see."""
    return {str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest() for path in _visible(lake)}


def _visible(lake: Path) -> list[Path]:
    files = (Path(folder, name) for folder, _, names in os.walk(lake) for name in names)
    return [path for path in files if not path.name.startswith(".") and path.suffix != ".lock"]


def _published_days(lake: Path) -> dict[str, str]:
    """Of what is in the lake, the days that readers take as whole."""
    from crypto_assets.lake.lake import Lake

    opened = Lake(str(lake))
    days: dict[str, str] = {}
    for dataset in (BRONZE_KLINES["1m"], SILVER_KLINES["1m"]):
        for partition in (FIRST, LAST):
            table = opened.read(dataset, partition.symbol, partition.day)
            if table is not None:
                days[f"{dataset.name} {partition}"] = str(table.num_rows)
    return days


@pytest.mark.timeout(900)
def test_a_backfill_killed_at_random_moments_and_repeated_leaves_what_an_unbroken_one_leaves(
    processes: ForkServerContext, environment: dict[str, str], tmp_path: Path
) -> None:
    settings = {**environment, "DATA_DIR": str(tmp_path / "data")}
    lake = tmp_path / "data" / "lake"
    _run(processes, settings)  # also downloads, whose receive times later runs find again
    shutil.rmtree(lake)
    _run(processes, settings)
    expected = _contents(lake)
    whole = _published_days(lake)
    assert len(whole) == 4
    assert any(name.endswith("features.parquet") for name in expected)

    moments = random.Random(20)
    unfinished = 0
    for number in range(KILLS):
        shutil.rmtree(lake, ignore_errors=True)
        _run(processes, settings, kill_at_files=int(len(expected) * (number + moments.random()) / KILLS))
        left = _published_days(lake)
        assert left.items() <= whole.items(), "a reader saw part of a day"
        unfinished += _contents(lake) != expected if lake.exists() else 1
        _run(processes, settings)
        assert _contents(lake) == expected
    assert unfinished > KILLS // 2, "the kills came too late to mean anything"
