"""A month of one symbol from the exchange's zips to features, in one run over the range: time a day, and memory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psutil

from bench.measuring import Rounds, Taken, rss_mb
from bench.workspace import finish, run_environment, start_runs, write_archive
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.runs.stages import Stage
from crypto_assets.schemas import BRONZE, BRONZE_TRADES, SILVER

FIRST = date(2024, 8, 1)
LENGTHS = (1, 8, 31)
"""Days of the runs: the first is start-up, and memory that grows shows between the others."""
SAMPLE_S = 0.05
EVERYTHING = tuple(dataset.name for dataset in (*BRONZE, *SILVER, GOLD_FEATURES) if dataset is not BRONZE_TRADES)
"""What the medallion job writes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    seconds: float
    peak_mb: float


def measure(folder: Path, rounds: int) -> Taken:
    """Every dataset of bronze, silver and gold, from recorded candles."""
    write_archive(folder / "recorded", first=FIRST, days=max(LENGTHS))
    costs: dict[int, list[Cost]] = {days: [] for days in LENGTHS}
    for _ in range(rounds):
        for days, taken in costs.items():
            taken.append(_run(folder / "run", days=days, recorded=folder / "recorded"))
            shutil.rmtree(folder / "run")
    start_up, week, month = (costs[days] for days in LENGTHS)
    more = LENGTHS[-1] - LENGTHS[0]
    yield "month.start", Rounds([cost.seconds for cost in start_up])
    yield "month.day", Rounds([(m.seconds - s.seconds) / more for m, s in zip(month, start_up, strict=True)])
    yield "month.memory", Rounds([cost.peak_mb for cost in month])
    yield "month.growth", Rounds([cost.peak_mb for cost in month], [cost.peak_mb for cost in week])


def _run(data_dir: Path, *, days: int, recorded: Path) -> Cost:
    everything = Stage(EVERYTHING, FIRST, FIRST + timedelta(days=days - 1))
    environment = run_environment(data_dir, EXCHANGE="replay", REPLAY_URI=str(recorded))
    return _cost([everything], environment=environment, log=data_dir / "run.log")


def _cost(stages: list[Stage], *, environment: Mapping[str, str], log: Path) -> Cost:
    started = time.perf_counter()
    process = start_runs(stages, environment=environment, log=log)
    watched = psutil.Process(process.pid)
    peak = 0.0
    while process.poll() is None:
        try:
            peak = max(peak, rss_mb(watched))
        except psutil.NoSuchProcess:
            break
        time.sleep(SAMPLE_S)
    finish(process, log=log)
    return Cost(time.perf_counter() - started, peak)
