"""How everything here is measured: in turns, so that a slow moment hits all, and in processes told apart."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import msgspec
import psutil


class Rounds(msgspec.Struct, frozen=True, tag="rounds"):
    """Rounds of one measure in its unit; what was measured beside it in the same rounds, in the same order."""

    ours: list[float]
    beside: list[float] = []


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """This machine has not what the measure needs; the sentence says what."""

    why: str


type Taken = Iterator[tuple[str, Rounds | Absent]]
"""What a part yields: measures by name, as soon as each is known."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call took."""

    seconds: float
    cpu_s: float
    """Of this process and of all below it, those that have ended among them."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What the calls of one side took, round after round."""

    each: list[Cost]

    @property
    def seconds(self) -> list[float]:
        """On the clock."""
        return [cost.seconds for cost in self.each]

    @property
    def cpu_s(self) -> list[float]:
        """Of processors."""
        return [cost.cpu_s for cost in self.each]

    @property
    def ms(self) -> list[float]:
        """On the clock, in milliseconds."""
        return [1_000 * seconds for seconds in self.seconds]


def take_turns(
    *calls: Callable[[], object], rounds: int, before: Callable[[], object] = lambda: None, warm_up: bool = True
) -> list[Costs]:
    """Costs of each call. Every second round goes the other way round; a first one warms up and does not count.

    `before` is called before each call, and is not measured.
    """
    costs: list[list[Cost]] = [[] for _ in calls]
    sides = list(zip(calls, costs, strict=True))
    for number in range(-1 if warm_up else 0, rounds):
        for call, taken in sides[:: -1 if number % 2 else 1]:
            before()
            cost = cost_of(call)
            if number >= 0:
                taken.append(cost)
    return [Costs(taken) for taken in costs]


def cost_of(call: Callable[[], object]) -> Cost:
    """What a call takes."""
    cpu, start = cpu_s(), time.perf_counter()
    call()
    seconds = time.perf_counter() - start
    return Cost(seconds, cpu_s() - cpu)


def cpu_s() -> float:
    """Processor time of this process and of all below it so far, those that have ended among them.

    Of processes that run below this one in ticks of 10 ms, of all else in microseconds.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def peak_mb() -> float:
    """Most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e6


def rss_mb(*processes: psutil.Process) -> float:
    """Memory of these processes now."""
    return sum(process.memory_info().rss for process in processes) / 1e6


def run_module[T](module: str, *arguments: str, answer: type[T]) -> T:
    """What a module, run in a process of its own, prints as JSON in its last line.

    Raises RuntimeError with the end of its complaints where it fails.
    """
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} {arguments[0]} failed: {done.stderr.strip()[-2_000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=answer)


def answer(value: object) -> None:
    """Print what `run_module` waits for."""
    print(msgspec.json.encode(value).decode(), flush=True)


@contextmanager
def started(module: str, *arguments: str, **environment: str) -> Generator[subprocess.Popen[str]]:
    """A module in a process of its own, to talk with over pipes; killed when the context ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
