"""Bronze of the span that is looked at, materialised now instead of at the next round of the sensor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from crypto_assets.dagster_home import PROJECT
from crypto_assets.demo.events import Failed, decode_event, encode_orders
from crypto_assets.demo.plan import Stage
from crypto_assets.demo.workers import orders_of
from crypto_assets.errors import Unavailable
from crypto_assets.processes import end_children, start_child
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_ORDERBOOK, BRONZE_TRADES, Dataset

ACCOUNTED = (BRONZE_TRADES, BRONZE_KLINES["1m"])
"""What the equation needs."""
FLUSHED = (*ACCOUNTED, BRONZE_ORDERBOOK)


def flush_bronze(
    symbols: Sequence[str],
    days: Sequence[date],
    *,
    environment: Mapping[str, str],
    log: Path,
    datasets: Sequence[Dataset] = ACCOUNTED,
) -> None:
    """Materialise these bronze assets for consecutive days of the symbols, as Dagster runs in one other process.

    Raises Unavailable with the first failure; its log is appended to `log`.
    """
    child = start_flush(symbols, days, environment=environment, log=log, datasets=datasets)
    try:
        failures = _failures(child)
        if child.wait() != 0:
            reason = failures[0] if failures else "it ended without a reason"
            raise Unavailable(f"bronze of {days[0]} to {days[-1]} was not flushed: {reason} Its log is {log}.")
    finally:
        end_children([child])


def start_flush(
    symbols: Sequence[str],
    days: Sequence[date],
    *,
    environment: Mapping[str, str],
    log: Path,
    datasets: Sequence[Dataset] = ACCOUNTED,
) -> subprocess.Popen[bytes]:
    """The process in which that happens, one symbol after the other; its standard output tells of assets written."""
    stage = Stage(tuple(dataset.name for dataset in datasets), days[0], days[-1])
    orders = [order for symbol in symbols for order in orders_of(symbol, stages=[stage])]
    command = [sys.executable, "-m", "crypto_assets.demo.worker", encode_orders(orders)]
    return start_child(command, environment=environment, folder=PROJECT, log=log, read_stdout=True)


def _failures(child: subprocess.Popen[bytes]) -> list[str]:
    assert child.stdout is not None
    events = (decode_event(line) for line in child.stdout)
    return [f"{event.step}: {event.sentence}" for event in events if isinstance(event, Failed)]
