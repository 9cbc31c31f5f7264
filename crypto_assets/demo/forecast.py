"""A small model of the demo's days, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import Console

from crypto_assets.runs.events import Checked, Options
from crypto_assets.runs.stages import FORECAST, Stage
from crypto_assets.runs.workers import Worker, worker_of

SMALL: Options = {
    "window": 30,
    "horizons": [1, 5],
    "units": [8],
    "epochs": 3,
    "resamples": 500,
}
"""A model that is fitted in seconds; folds and seeds, and so what the verdict rests on, are those of every model."""
VERDICT = ("lstm_evaluation", "promotion")


def worker_of_forecast(symbol: str, day: date, *, days: int) -> Worker:
    """The program that fits and judges a model on the `days` up to and including the day."""
    stage = Stage(FORECAST, day, day, job="forecast", options={**SMALL, "days": days})
    return worker_of(f"{symbol} forecast", [symbol], [stage])


def print_verdict(console: Console, checks: Sequence[Checked]) -> None:
    """The sentence of the judge, where there was one."""
    for check in checks:
        if (check.asset, check.check) == VERDICT:
            console.print(f"Forecast: {check.sentence}", markup=False, soft_wrap=True)
