"""The demo's runs, a process for each symbol, followed until they end."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from crypto_assets.dagster_home import PROJECT
from crypto_assets.demo.events import Checked, Event, Failed, Order, Written, decode_event, encode_orders
from crypto_assets.demo.plan import Stage
from crypto_assets.partitions import Partition, range_tags
from crypto_assets.processes import end_children, start_child


@dataclass(slots=True)
class Outcome:
    """What the workers told, over all symbols."""

    checks: list[Checked] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """A sentence for each failed step, and for each worker that ended without one."""


def run_symbols(
    symbols: Sequence[str], *, stages: Sequence[Stage], environment: Mapping[str, str], logs: Path, parallel: int
) -> Outcome:
    """Run the stages of each symbol, at most `parallel` symbols at once, with a progress bar for each.

    Children are ended when the caller is interrupted. `logs` gets a file for each symbol.
    """
    outcome = Outcome()
    lock = threading.Lock()
    children: list[subprocess.Popen[bytes]] = []
    partitions = sum(stage.partitions for stage in stages)
    bars = [tqdm(desc=s, total=partitions, position=n, unit=" day", ncols=90) for n, s in enumerate(symbols)]

    def run(symbol: str, bar: tqdm[NoReturn]) -> None:
        log = logs / f"{symbol}.log"
        with lock:
            child = _start_worker(symbol, stages=stages, environment=environment, log=log)
            children.append(child)

        def take(event: Event) -> None:
            with lock:
                _take(event, outcome=outcome, bar=bar, symbol=symbol)

        _follow(child, take=take)
        if child.wait() != 0:
            with lock:
                outcome.failures.append(f"{symbol}: the run did not succeed; its log is {log}")

    pool = ThreadPoolExecutor(parallel)
    try:
        for future in [pool.submit(run, symbol, bar) for symbol, bar in zip(symbols, bars, strict=True)]:
            future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        end_children(children)  # before waiting for the threads, which read until their child has ended
        pool.shutdown()
        for bar in bars:
            bar.close()
    return outcome


def orders_of(symbol: str, *, stages: Sequence[Stage]) -> list[Order]:
    """One run for each stage."""
    return [
        Order(
            run_id=str(uuid.uuid4()),
            assets=stage.assets,
            tags=range_tags(Partition(symbol, stage.first), Partition(symbol, stage.last)),
        )
        for stage in stages
    ]


def _start_worker(
    symbol: str, *, stages: Sequence[Stage], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "crypto_assets.demo.worker", encode_orders(orders_of(symbol, stages=stages))]
    return start_child(command, environment=environment, folder=PROJECT, log=log, read_stdout=True)


def _follow(child: subprocess.Popen[bytes], *, take: Callable[[Event], None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        take(decode_event(line))


def _take(event: Event, *, outcome: Outcome, bar: tqdm[NoReturn], symbol: str) -> None:
    match event:
        case Written(asset):
            bar.set_postfix_str(asset, refresh=False)
            bar.update()
        case Checked():
            outcome.checks.append(event)
        case Failed(step, sentence):
            outcome.failures.append(f"{symbol} {step}: {sentence}")
