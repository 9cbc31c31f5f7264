"""Speed and memory beside bare library calls, measured in one run: `make bench`."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    collector,
    dashboard,
    fanout,
    flush,
    gold,
    imports,
    month,
    processor,
    query,
    silver,
    training,
    warehouse_copy,
    warehouse_day,
)
from bench.measuring import Line
from bench.workspace import finish, run_environment, start_runs
from crypto_assets.lake.lake import Lake
from crypto_assets.runs.stages import plan_features

DAY = date(2024, 8, 5)
RECORDINGS = Path(os.environ.get("CRYPTO_ASSETS_REAL_DATA", "../shared/data")) / "recordings"
"""Recorded data of the exchange, as the tests find it; what needs it is left out where it is not there."""
WIDTH = 120


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines of the table."""

    name: str
    doing: str
    measure: Callable[[Path], list[Line]]


def _measure_features(folder: Path) -> list[Line]:
    lake = _simulated_day(folder / "simulated")
    return [*silver.measure(lake, day=DAY, folder=folder), *gold.measure(lake, day=DAY, folder=folder)]


def _simulated_day(data_dir: Path) -> Lake:
    """A lake that holds DAY with everything, and the days before it that features need."""
    environment = run_environment(data_dir, EXCHANGE="simulator")
    stages = plan_features(DAY, DAY)
    log = data_dir / "run.log"
    finish(start_runs(stages, environment=environment, log=log), log=log)
    return Lake(str(data_dir / "lake"))


PARTS = (
    Part("imports", "Loading the code location", lambda _: imports.measure()),
    Part("features", "Cleaning and features of a simulated day", _measure_features),
    Part("month", "A month in one run", month.measure),
    Part("flush", "A day of order books from Kafka", flush.measure),
    Part("collector", "The collector on recordings", lambda folder: collector.measure(folder, recordings=RECORDINGS)),
    Part("processor", "From event to PostgreSQL", processor.measure),
    Part("warehouse", "A day of a million trades to facts", warehouse_day.measure),
    Part("copy", "COPY from S3", warehouse_copy.measure),
    Part("fanout", "A month spread over Spark", fanout.measure),
    Part("query", "A year of features in SQL", query.measure),
    Part("dashboard", "Pages in a browser", dashboard.measure),
    Part("training", "Fitting a network", lambda _: training.measure()),
)


def main() -> None:
    """Measure parts, then print one table; a figure that misses its aim fails nothing."""
    parser = argparse.ArgumentParser(prog="make bench ARGS='…'", description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all unless named: {', '.join(names)}")
    wanted = parser.parse_args().parts or names
    if unknown := set(wanted) - set(names):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    console = Console(highlight=False, width=WIDTH)
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="crypto-assets-bench-") as name:
        for part in PARTS:
            if part.name in wanted:
                console.print(f"{part.doing} …")
                folder = Path(name) / part.name
                folder.mkdir()
                lines += part.measure(folder)
    _print(lines, console=console)


def _print(lines: Iterable[Line], *, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("measured", no_wrap=True)
    for column in ("ours", "bare", "ratio"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("aim")
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        table.add_row(line.what, line.ours, line.bare, ratio, line.aim)
    console.print(table)


if __name__ == "__main__":
    main()
