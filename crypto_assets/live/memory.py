"""How much memory each program takes over time, and whether that is flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import psutil

MEASURABLE_S = 600.0
"""A life shorter than this says nothing: every program grows while it warms up, a Java heap for minutes."""
MEASURABLE_SAMPLES = 12
RELATIVE_GROWTH = 0.10
ABSOLUTE_GROWTH_MB = 16.0
"""Growth over the two thirds that are judged, below either of which memory is taken for flat: caches fill, and a heap
breathes."""


class Sample(msgspec.Struct, frozen=True):
    """Memory of one program, with everything that it started but Dagster's runs, at one moment."""

    at_s: float
    program: str
    pid: int
    mb: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory of a program over its longest life: what the last two thirds of it show."""

    program: str
    lives: int
    """How often it was seen to start."""
    life_s: float
    median_mb: float
    peak_mb: float
    """Over all lives."""
    slope_mb_per_hour: float
    low_mb_per_hour: float
    high_mb_per_hour: float
    """The 95 % interval of the slope (Theil-Sen)."""
    growth_mb: float
    """The slope times the time that it was taken over."""
    is_measurable: bool
    """Whether the life was long enough to say anything."""

    @property
    def is_flat(self) -> bool:
        """Whether it did not grow, as far as can be said."""
        return not self.is_measurable or self.growth_mb < max(ABSOLUTE_GROWTH_MB, RELATIVE_GROWTH * self.median_mb)


def sample_memory(processes: Mapping[str, int], *, at_s: float) -> list[Sample]:
    """One sample for each program that runs, of its process id."""
    found = ((name, pid, _tree_mb(pid)) for name, pid in processes.items())
    return [Sample(at_s, name, pid, mb) for name, pid, mb in found if mb is not None]


def judge_memory(samples: Iterable[Sample]) -> list[Growth]:
    """The growth of each program, in the order in which they were first seen."""
    return [_growth(program, lives) for program, lives in lives_of(samples).items()]


def lives_of(samples: Iterable[Sample]) -> dict[str, list[list[Sample]]]:
    """The samples of each program, in the order in which they were first seen, apart by its starts."""
    lives: dict[str, dict[int, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        lives[sample.program][sample.pid].append(sample)
    return {program: list(of_program.values()) for program, of_program in lives.items()}


def _growth(program: str, lives: Sequence[Sequence[Sample]]) -> Growth:
    from scipy.stats import theilslopes

    longest = max(lives, key=_duration_s)
    warm = [sample for sample in longest if sample.at_s >= longest[0].at_s + _duration_s(longest) / 3]
    measured_s = _duration_s(warm)
    is_measurable = _duration_s(longest) >= MEASURABLE_S and len(warm) >= MEASURABLE_SAMPLES
    slope, low, high = 0.0, 0.0, 0.0
    if is_measurable:
        fitted: tuple[float, float, float, float] = tuple(theilslopes([s.mb for s in warm], [s.at_s for s in warm]))
        slope, _, low, high = map(float, fitted)
    sizes = sorted(sample.mb for sample in warm)
    return Growth(
        program=program,
        lives=len(lives),
        life_s=_duration_s(longest),
        median_mb=sizes[len(sizes) // 2],
        peak_mb=max(sample.mb for life in lives for sample in life),
        slope_mb_per_hour=slope * 3600,
        low_mb_per_hour=low * 3600,
        high_mb_per_hour=high * 3600,
        growth_mb=slope * measured_s,
        is_measurable=is_measurable,
    )


def _duration_s(life: Sequence[Sample]) -> float:
    return life[-1].at_s - life[0].at_s


def _tree_mb(pid: int) -> float | None:
    """Memory of a process and its descendants, pages that they share counted once; None where it has gone."""
    try:
        family = _family(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return None
    sizes = [size for process in family if (size := _size(process)) is not None]
    return sum(sizes) / 1e6 if sizes else None


def _family(process: psutil.Process) -> list[psutil.Process]:
    """The process and its descendants, without the runs that a program of Dagster has in hand: these come and go."""
    starts_runs = _says(process, "dagster")
    children = [child for child in process.children() if not (starts_runs and _says(child, "multiprocessing.spawn"))]
    return [process, *(one for child in children for one in _family_or_none(child))]


def _family_or_none(process: psutil.Process) -> list[psutil.Process]:
    try:
        return _family(process)
    except psutil.NoSuchProcess:
        return []


def _says(process: psutil.Process, word: str) -> bool:
    try:
        return any(word in argument for argument in process.cmdline())
    except psutil.NoSuchProcess:  # also of a zombie
        return False


def _size(process: psutil.Process) -> int | None:
    """Proportional share of the pages in use, or all of them where the system does not tell shares."""
    try:
        full = process.memory_full_info()
        return getattr(full, "pss", 0) or full.rss
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return process.memory_info().rss
