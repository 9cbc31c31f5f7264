"""A month of one symbol from the exchange's zips to features, in one run over the range: time a day, and memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psutil

from bench.measuring import Line
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
    peak_bytes: int


def measure(folder: Path) -> list[Line]:
    """Every dataset of bronze, silver and gold, from recorded candles."""
    write_archive(folder / "recorded", first=FIRST, days=max(LENGTHS))
    costs = {days: _run(folder / f"{days}", days=days, recorded=folder / "recorded") for days in LENGTHS}
    start_up, week, month = (costs[days] for days in LENGTHS)
    a_day = (month.seconds - start_up.seconds) / (LENGTHS[-1] - LENGTHS[0])
    memory = f"{week.peak_bytes / 1e6:,.0f} MB over {LENGTHS[1]} days, {month.peak_bytes / 1e6:,.0f} MB over a month"
    return [
        Line("month from zips to gold, one run", f"{month.seconds:,.1f} s"),
        Line("  of that, start-up and the first day", f"{start_up.seconds:,.1f} s"),
        Line("  each further day", f"{a_day:.2f} s", aim="at most 0.6 s"),
        Line("  peak memory", memory, aim="flat, below 1,500 MB"),
    ]


def _run(data_dir: Path, *, days: int, recorded: Path) -> Cost:
    everything = Stage(EVERYTHING, FIRST, FIRST + timedelta(days=days - 1))
    environment = run_environment(data_dir, EXCHANGE="replay", REPLAY_URI=str(recorded))
    return _cost([everything], environment=environment, log=data_dir / "run.log")


def _cost(stages: list[Stage], *, environment: Mapping[str, str], log: Path) -> Cost:
    started = time.perf_counter()
    process = start_runs(stages, environment=environment, log=log)
    watched = psutil.Process(process.pid)
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(SAMPLE_S)
    finish(process, log=log)
    return Cost(time.perf_counter() - started, peak)
