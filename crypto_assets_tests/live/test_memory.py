"""Memory is judged by its slope once warm, over the longest life of a program."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_assets.live.memory import Sample, judge_memory, sample_memory


def life(
    *, pid: int, start_s: float, minutes: float, mb_at: Callable[[float], float], program: str = "collector"
) -> list[Sample]:
    moments = [5.0 * n for n in range(int(minutes * 12))]
    return [Sample(start_s + at_s, program, pid, mb_at(at_s)) for at_s in moments]


def test_a_leak_of_100_mb_an_hour_is_measured_and_is_not_flat() -> None:
    noise = random.Random(1)
    [growth] = judge_memory(life(pid=1, start_s=0, minutes=60, mb_at=lambda t: 200 + t / 36 + noise.gauss(0, 5)))
    assert growth.slope_mb_per_hour == pytest.approx(100, abs=5)
    assert 90 < growth.low_mb_per_hour < growth.slope_mb_per_hour < growth.high_mb_per_hour < 110
    assert not growth.is_flat


def test_growth_while_warming_up_and_noise_around_a_level_are_flat() -> None:
    noise = random.Random(2)
    [growth] = judge_memory(
        life(pid=1, start_s=0, minutes=60, mb_at=lambda t: min(200, 50 + t / 4) + noise.gauss(0, 8))
    )
    assert growth.is_measurable
    assert growth.is_flat


def test_the_longest_life_is_judged_and_the_highest_peak_told() -> None:
    short = life(pid=1, start_s=0, minutes=9, mb_at=lambda t: 100 + 2 * t)
    long = life(pid=2, start_s=600, minutes=30, mb_at=lambda _: 90.0)
    [growth] = judge_memory([*short, *long])
    assert (growth.lives, growth.median_mb, growth.is_flat) == (2, 90.0, True)
    assert growth.peak_mb == short[-1].mb


def test_a_program_that_never_lived_long_is_not_judged() -> None:
    [growth] = judge_memory(life(pid=1, start_s=0, minutes=9, mb_at=lambda t: 100 + 10 * t))
    assert not growth.is_measurable
    assert growth.is_flat


def test_a_sample_counts_the_children_of_a_program_and_leaves_out_what_has_ended() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "hold = bytes(range(256)) * 400_000; print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    try:
        [alone] = sample_memory({"child": child.pid}, at_s=0)
        [whole] = sample_memory({"parent": os.getpid()}, at_s=0)
    finally:
        child.communicate(b"\n")
    assert alone.mb > 100
    assert whole.mb > alone.mb
    assert sample_memory({"child": child.pid}, at_s=1) == []


def test_a_sample_of_dagsters_daemon_leaves_out_the_runs_that_it_has_in_hand(tmp_path: Path) -> None:
    program = tmp_path / "dagster-daemon"
    program.write_text(
        "import multiprocessing\n"
        "def run(ready):\n"
        "    held = bytes(range(256)) * 400_000\n"
        "    ready.set()\n"
        "    multiprocessing.Event().wait()\n"
        "if __name__ == '__main__':\n"
        "    spawn = multiprocessing.get_context('spawn')\n"
        "    ready = spawn.Event()\n"
        "    spawn.Process(target=run, args=(ready,), daemon=True).start()\n"
        "    ready.wait()\n"
        "    print(flush=True)\n"
        "    input()\n"
    )
    daemon = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    try:
        daemon.stdout.readline()
        [sample] = sample_memory({"daemon": daemon.pid}, at_s=0.0)
        assert 5 < sample.mb < 90
    finally:
        daemon.communicate(b"\n")
