"""What the programs of a measurement cost: processor time and memory, by what each one is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType

import msgspec
import psutil

SAMPLE_S = 0.5


class Cost(msgspec.Struct):
    """Of one kind of program."""

    cpu_s: float = 0.0
    """User and system time, of all that were seen. What one used after its last sample is not in it."""
    peak_mb: float = 0.0
    """The most that they held at one moment, resident."""


type Roots = Callable[[], Mapping[str, int]]
"""Process ids by name: each stands for itself and for what it started."""


class Watch:
    """Samples families of processes in a thread while its context lasts."""

    def __init__(
        self,
        roots: Roots,
        *,
        kinds: Mapping[str, str] | None = None,
        since_now: bool = False,
        sample_s: float = SAMPLE_S,
    ) -> None:
        """`kinds` gives a name of its own to a descendant whose command line holds a word; `since_now` leaves out what
        processes had used before they were first seen, for programs that have run for long."""
        self._roots = roots
        self._kinds = kinds or {}
        self._since_now = since_now
        self._before: dict[tuple[str, int, float], float] = {}
        self._sample_s = sample_s
        self._kind_of: dict[psutil.Process, str | None] = {}
        self._seconds: dict[tuple[str, int, float], float] = {}
        self._looks = 0
        self._peaks: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._sample()
        if self._since_now:
            self._before = dict(self._seconds)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def costs(self) -> dict[str, Cost]:
        """By name, as of the last sample."""
        found = {name: Cost(peak_mb=peak) for name, peak in self._peaks.items()}
        for (name, _, _), seconds in list(self._seconds.items()):
            found.setdefault(name, Cost()).cpu_s += seconds
        for (name, _, _), seconds in self._before.items():
            found[name].cpu_s -= seconds
        return found

    def samples(self) -> int:
        """How often it has looked."""
        return self._looks

    def _run(self) -> None:
        while not self._ended.wait(self._sample_s):
            self._sample()

    def _sample(self) -> None:
        held: dict[str, float] = {}
        for name, process in self._processes():
            try:
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info().rss / 1e6
                    key = (name, process.pid, process.create_time())
            except psutil.Error:
                continue
            self._seconds[key] = times.user + times.system
            held[name] = held.get(name, 0.0) + memory
        self._looks += 1
        for name, memory in held.items():
            self._peaks[name] = max(self._peaks.get(name, 0.0), memory)

    def _processes(self) -> Iterable[tuple[str, psutil.Process]]:
        for name, pid in self._roots().items():
            try:
                root = psutil.Process(pid)
                family = [root, *root.children(recursive=True)]
            except psutil.Error:
                continue
            for process in family:
                yield self._kind(process) or name, process

    def _kind(self, process: psutil.Process) -> str | None:
        try:
            words = " ".join(process.cmdline())
        except psutil.Error:
            words = ""
        if not words:  # it has ended, and stays what it was
            return self._kind_of.get(process)
        self._kind_of[process] = kind = next((name for name, word in self._kinds.items() if word in words), None)
        return kind
