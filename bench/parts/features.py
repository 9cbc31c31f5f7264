"""A simulated day through cleaning and features."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from bench.measuring import Taken
from bench.parts import gold, silver
from bench.workspace import finish, run_environment, start_runs
from crypto_assets.lake.lake import Lake
from crypto_assets.runs.stages import plan_features

DAY = date(2024, 8, 5)


def measure(folder: Path, rounds: int) -> Taken:
    """Silver and gold of one day, whose inputs are made first."""
    lake = _simulated_day(folder / "simulated")
    yield from silver.measure(lake, day=DAY, folder=folder, rounds=rounds)
    yield from gold.measure(lake, day=DAY, folder=folder, rounds=rounds)


def _simulated_day(data_dir: Path) -> Lake:
    """A lake that holds DAY with everything, and the days before it that features need."""
    environment = run_environment(data_dir, EXCHANGE="simulator")
    log = data_dir / "run.log"
    finish(start_runs(plan_features(DAY, DAY), environment=environment, log=log), log=log)
    return Lake(str(data_dir / "lake"))
