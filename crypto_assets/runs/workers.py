"""Programs that make days, followed until they end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec
from tqdm import tqdm

from crypto_assets.checks.names import FRESHNESS
from crypto_assets.partitions import Partition, range_tags
from crypto_assets.processes import end_children, start_child
from crypto_assets.runs.events import (
    Checked,
    Doing,
    Event,
    Failed,
    Held,
    Order,
    Written,
    decode_event,
    encode_orders,
)
from crypto_assets.runs.stages import Stage


@dataclass(slots=True)
class Outcome:
    """What the workers told, all together."""

    checks: list[Checked] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """A sentence for each failed step, and for each worker that ended without one."""
    held: list[Held] = field(default_factory=list)

    @property
    def checks_of_days(self) -> list[Checked]:
        """Those that say something of the days that were made: whether the newest day is there does not."""
        return [check for check in self.checks if check.check != FRESHNESS]


@dataclass(frozen=True, slots=True)
class Worker:
    """A program to follow."""

    name: str
    command: tuple[str, ...]
    """Module and arguments."""
    materializations: int
    """How many it will tell of."""

    def start(self, *, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """The process of it, with events on its standard output, in the folder whose `.env` this program reads."""
        command = [sys.executable, "-m", *self.command]
        return start_child(command, environment=environment, folder=Path.cwd(), log=log, read_stdout=True)


def worker_of(name: str, symbols: Sequence[str], stages: Sequence[Stage]) -> Worker:
    """The program that runs the stages of one symbol after the other."""
    orders = [order for symbol in symbols for order in orders_of(symbol, stages)]
    written = len(symbols) * sum(stage.partitions for stage in stages)
    return Worker(name, ("crypto_assets.runs.worker", encode_orders(orders)), written)


def orders_of(symbol: str, stages: Sequence[Stage]) -> list[Order]:
    """One run for each stage."""
    return [
        Order(
            job=stage.job,
            assets=stage.assets,
            tags=range_tags(Partition(symbol, stage.first), Partition(symbol, stage.last)),
            options=stage.options,
        )
        for stage in stages
    ]


def run_workers(
    workers: Sequence[Worker], *, environment: Mapping[str, str], logs: Path, parallel: int, with_bars: bool = True
) -> Outcome:
    """Run programs, at most `parallel` at once, with a progress bar for each on standard error.

    Children are ended when the caller is interrupted. `logs` gets a file for each.
    """
    outcome = Outcome()
    lock = threading.Lock()
    children: list[subprocess.Popen[bytes]] = []
    bars = [
        tqdm(
            desc=worker.name,
            total=worker.materializations,
            position=n,
            unit=" partitions",
            ncols=90,
            disable=not with_bars,
        )
        for n, worker in enumerate(workers)
    ]

    def run(worker: Worker, bar: tqdm[NoReturn]) -> None:
        log = logs / f"{worker.name}.log"
        with lock:
            child = worker.start(environment=environment, log=log)
            children.append(child)

        def take(event: Event) -> None:
            with lock:
                _take(event, outcome=outcome, bar=bar, name=worker.name)

        assert child.stdout is not None
        for line in child.stdout:
            try:
                take(decode_event(line))
            except msgspec.DecodeError:
                with log.open("ab") as file:
                    file.write(line)
        if child.wait() != 0:
            with lock:
                outcome.failures.append(f"{worker.name}: the run did not succeed; its log is {log}")

    pool = ThreadPoolExecutor(parallel)
    try:
        for future in [pool.submit(run, worker, bar) for worker, bar in zip(workers, bars, strict=True)]:
            future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        end_children(children)  # before waiting for the threads, which read until their child has ended
        pool.shutdown()
        for bar in bars:
            bar.close()
    return outcome


def _take(event: Event, *, outcome: Outcome, bar: tqdm[NoReturn], name: str) -> None:
    match event:
        case Written(asset):
            bar.set_postfix_str(asset, refresh=False)
            bar.update()
        case Doing(what):
            bar.set_postfix_str(what)
        case Checked():
            outcome.checks.append(event)
        case Held():
            outcome.held.append(event)
        case Failed(step, sentence):
            outcome.failures.append(f"{name} {step}: {sentence}")
