"""A small model of the demo's days, and what is said of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from rich.console import Console

from crypto_assets.demo.events import Checked, Order, encode_orders
from crypto_assets.demo.workers import Worker
from crypto_assets.partitions import Partition, range_tags

ASSETS = ("lstm_training_set", "lstm_checkpoint", "lstm_evaluation", "lstm_predictions")
SMALL: dict[str, int | float | list[int]] = {
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
    partition = Partition(symbol, day)
    order = Order(
        run_id=str(uuid.uuid4()),
        job="forecast",
        assets=ASSETS,
        tags=range_tags(partition, partition),
        config={asset: {**SMALL, "days": days} for asset in ASSETS},
    )
    return Worker(f"{symbol} forecast", ("crypto_assets.demo.worker", encode_orders([order])), len(ASSETS))


def print_verdict(console: Console, checks: Sequence[Checked]) -> None:
    """The sentence of the judge, where there was one."""
    for check in checks:
        if (check.asset, check.check) == VERDICT:
            console.print(f"Forecast: {check.sentence}", markup=False, soft_wrap=True)
