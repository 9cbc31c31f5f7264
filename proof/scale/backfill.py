"""Years of one symbol through one backfill, as `crypto-assets backfill` makes them from the exchange's zips.

Ranges of several lengths are made, each in an empty lake: what grows faster than the days shows between them. Zips of
candles are recorded from the simulator first and are not measured. Futures data and order books are in no zip of a
candle, so that their days are made and hold nothing, as the order books of a past day do with Binance itself.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import msgspec
import pyarrow.parquet as pq

from bench.workspace import SYMBOL, run_environment, write_archive
from crypto_assets.dagster_home import PROJECT
from crypto_assets.processes import end_children, start_child
from crypto_assets.runs.stages import Stage
from crypto_assets.runs.workers import worker_of
from proof.scale.event_log import EventLog, sqlite_log
from proof.scale.figures import Figure, publish
from proof.scale.watching import Cost, Watch

FIRST = date(2022, 1, 1)
LENGTHS = (30, 365, 1_096)
TITLE = "One symbol, zips of candles to features, by one command"


class Step(msgspec.Struct, frozen=True):
    """A step of a run, by Dagster's own account."""

    run: int
    name: str
    seconds: float


class Filled(msgspec.Struct, frozen=True):
    """What one backfill took, and what it left."""

    days: int
    wall_s: float
    costs: dict[str, Cost]
    rows: dict[str, int]
    """Of the lake, by layer."""
    files: int
    bytes: int
    materialized: int
    """Asset partitions, as Dagster counts them."""
    log: EventLog
    steps: tuple[Step, ...]

    @property
    def cpu_s(self) -> float:
        """Of all programs together."""
        return sum(cost.cpu_s for cost in self.costs.values())

    @property
    def peak_mb(self) -> float:
        """Of the largest program."""
        return max((cost.peak_mb for cost in self.costs.values()), default=0.0)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Lengths of the ranges."""
    parser.add_argument("--days", type=int, nargs="+", default=LENGTHS, help="lengths of the ranges")
    parser.add_argument("--assets", nargs="+", default=(), help="only these, as one run; all that the command makes")


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Record zips, fill a lake for each length, and tell."""
    lengths = sorted(options.days)
    recorded = folder / "recorded"
    if not recorded.is_dir():
        write_archive(recorded, first=FIRST, days=lengths[-1])
    found: list[Filled] = []
    for days in lengths:
        found.append(fill(folder / f"{days}", days=days, recorded=recorded, assets=options.assets))
        publish("backfill", TITLE, figures(found), found, folder=folder)


def fill(data_dir: Path, *, days: int, recorded: Path, assets: Sequence[str] = ()) -> Filled:
    """Fill an empty lake with the days from FIRST on; ends the program where the backfill fails.

    `assets` are made by one run over the range, as Dagster makes one of a backfill that its page starts.
    """
    environment = run_environment(
        data_dir, EXCHANGE="replay", REPLAY_URI=str(recorded), PARTITIONS_START=FIRST.isoformat()
    )
    last = FIRST + timedelta(days=days - 1)
    command, log = ["crypto_assets.cli.main", "backfill", SYMBOL, str(FIRST), str(last)], data_dir / "command.log"
    if assets:
        command = list(worker_of(SYMBOL, [SYMBOL], [Stage(tuple(assets), FIRST, last)]).command)
    began = time.perf_counter()
    process = start_child([sys.executable, "-m", *command], environment=environment, folder=PROJECT, log=log)
    kinds = {"worker": "crypto_assets.runs.worker", "exchange": "crypto_assets.simulator"}
    with Watch(lambda: {"command": process.pid}, kinds=kinds) as watch:
        _finish(process, log)
    wall_s = time.perf_counter() - began
    home = Path(environment["DAGSTER_HOME"])
    with dg.DagsterInstance.from_config(str(home)) as instance:
        steps = tuple(_steps(instance))
        materialized = sum(len(instance.get_materialized_partitions(key)) for key in instance.all_asset_keys())
    files = [path for path in (data_dir / "lake").rglob("*") if path.is_file()]
    return Filled(
        days=days,
        wall_s=wall_s,
        costs=watch.costs(),
        rows=_rows(data_dir / "lake"),
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        materialized=materialized,
        log=sqlite_log(home),
        steps=steps,
    )


def figures(found: list[Filled]) -> list[Figure]:
    """A line for each thing, a column for each length."""

    def line(what: str, *values: float | str, unit: str = "") -> Figure:
        return Figure(what, {f"{one.days} days": value for one, value in zip(found, values, strict=True)}, unit)

    layers = list(found[-1].rows)
    slowest = sorted(found[-1].steps, key=lambda step: -step.seconds)[:6]
    return [
        line("wall", *(one.wall_s for one in found), unit="s"),
        line("processor time", *(one.cpu_s for one in found), unit="s"),
        *(
            line(f"  {name}", *(one.costs.get(name, Cost()).cpu_s for one in found), unit="s")
            for name in found[-1].costs
        ),
        line("processor time of a day", *(one.cpu_s / one.days for one in found), unit="s"),
        line("days in a second of wall", *(one.days / one.wall_s for one in found)),
        line("memory, largest program", *(one.peak_mb for one in found), unit="MB"),
        *(line(f"rows, {name}", *(one.rows.get(name, 0) for one in found)) for name in layers),
        line("files in the lake", *(one.files for one in found)),
        line("lake", *(one.bytes / 1e6 for one in found), unit="MB"),
        line("asset partitions", *(one.materialized for one in found)),
        line("rows of the event log", *(one.log.events for one in found)),
        line("event log", *(one.log.bytes / 1e6 for one in found), unit="MB"),
        line("  of an asset partition", *(one.log.bytes / max(1, one.materialized) / 1e3 for one in found), unit="kB"),
        *(
            line(f"step {step.name}", *(_seconds_of(one, step) / one.days * 1e3 for one in found), unit="ms a day")
            for step in slowest
        ),
    ]


def _seconds_of(filled: Filled, step: Step) -> float:
    return sum(one.seconds for one in filled.steps if (one.run, one.name) == (step.run, step.name))


def _finish(process: subprocess.Popen[bytes], log: Path) -> None:
    try:
        failed = process.wait() != 0
    except BaseException:
        end_children([process])
        raise
    if failed:
        sys.exit(f"the backfill failed:\n{log.read_text(errors='replace')[-4000:]}")


def _rows(lake: Path) -> dict[str, int]:
    """Rows by layer, as the footers of the files say."""
    layers = sorted(path.name for path in lake.iterdir() if not path.name.startswith("."))
    return {
        layer: sum(pq.read_metadata(path).num_rows for path in (lake / layer).rglob("*.parquet")) for layer in layers
    }


def _steps(instance: dg.DagsterInstance) -> Iterator[Step]:
    records = sorted(instance.get_run_records(), key=lambda record: record.create_timestamp)
    for number, record in enumerate(records):
        for stats in instance.get_run_step_stats(record.dagster_run.run_id):
            if stats.start_time and stats.end_time:
                yield Step(number, stats.step_key, stats.end_time - stats.start_time)
