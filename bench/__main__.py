"""Speed and memory beside bare library calls, measured in one run: `make bench`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import collector, flush, gold, imports, month, processor, silver
from bench.measuring import Line
from bench.workspace import finish, run_environment, start_runs
from crypto_assets.demo.plan import plan_stages
from crypto_assets.lake.lake import Lake

DAY = date(2024, 8, 5)
RECORDED = Path(os.environ.get("CRYPTO_ASSETS_REAL_DATA", "../shared/data"))
"""Recorded data of the exchange, as the tests find it; what needs it is left out where it is not there."""
WIDTH = 120


def main() -> None:
    """Measure each part, then print one table; a figure that misses its aim fails nothing."""
    console = Console(highlight=False, width=WIDTH)
    with tempfile.TemporaryDirectory(prefix="crypto-assets-bench-") as name:
        folder = Path(name)
        console.print("Loading the code location …")
        lines = imports.measure()
        console.print("Making simulated days …")
        lake = _simulated_day(folder / "simulated")
        console.print("Cleaning and features …")
        lines += silver.measure(lake, day=DAY, folder=folder)
        lines += gold.measure(lake, day=DAY, folder=folder)
        console.print("A month in one run …")
        lines += month.measure(folder)
        console.print("A day of order books from Kafka …")
        lines += flush.measure(folder)
        console.print("The collector on recordings …")
        lines += collector.measure(folder, recordings=RECORDED / "recordings")
        console.print("From event to PostgreSQL …")
        lines += processor.measure(folder)
    _print(lines, console=console)


def _simulated_day(data_dir: Path) -> Lake:
    """A lake that holds DAY with everything, and the days before it that features need."""
    environment = run_environment(data_dir, EXCHANGE="simulator")
    stages = plan_stages(days=1, today=date.fromordinal(DAY.toordinal() + 1))
    log = data_dir / "run.log"
    finish(start_runs(stages, environment=environment, log=log), log=log)
    return Lake(str(data_dir / "lake"))


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
