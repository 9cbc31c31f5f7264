"""Bronze of the span that is looked at, materialised now instead of at the next round of the sensor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from crypto_assets.errors import Unavailable
from crypto_assets.live.platform import Platform
from crypto_assets.runs.stages import Stage
from crypto_assets.runs.workers import Worker, run_workers, worker_of
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_ORDERBOOK, BRONZE_TRADES, Dataset

ACCOUNTED = (BRONZE_TRADES, BRONZE_KLINES["1m"])
"""What the equation needs."""
FLUSHED = (*ACCOUNTED, BRONZE_ORDERBOOK)


def flush_bronze(platform: Platform, days: Sequence[date], *, datasets: Sequence[Dataset] = ACCOUNTED) -> None:
    """Materialise these bronze assets for consecutive days, as Dagster runs in one other process.

    Raises Unavailable with what failed; the log is `flush.log` in the platform's folder.
    """
    worker = flush_worker(platform.settings.symbols, days, datasets=datasets)
    folder = platform.settings.data_dir
    outcome = run_workers([worker], environment=platform.environment, logs=folder, parallel=1, with_bars=False)
    if outcome.failures:
        raise Unavailable(f"bronze of {days[0]} to {days[-1]} was not flushed: {'; '.join(outcome.failures)}")


def flush_worker(symbols: Sequence[str], days: Sequence[date], *, datasets: Sequence[Dataset] = ACCOUNTED) -> Worker:
    """The program that does it, one symbol after the other."""
    stage = Stage(tuple(dataset.name for dataset in datasets), days[0], days[-1])
    return worker_of("flush", symbols, [stage])
