"""Turns, and processes that are measured apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.measuring import cpu_s, run_module, started, take_turns


def test_sides_take_turns_the_other_way_round_every_second_time_after_one_that_does_not_count() -> None:
    called: list[str] = []
    ours, bare = take_turns(
        lambda: called.append("ours"), lambda: called.append("bare"), rounds=3, before=lambda: called.append(".")
    )
    assert "".join(word[0] for word in called) == ".b.o.o.b.b.o.o.b"
    assert (len(ours.seconds), len(bare.cpu_s)) == (3, 3)


def test_without_a_warm_up_every_round_counts() -> None:
    called: list[int] = []
    (once,) = take_turns(lambda: called.append(1), rounds=1, warm_up=False)
    assert (len(called), len(once.each)) == (1, 1)


def test_processor_time_of_a_child_that_has_ended_is_counted(tmp_path: Path) -> None:
    (tmp_path / "burning.py").write_text(
        "import time\nwhile time.process_time() < 0.3: pass\nprint(time.process_time())\n"
    )
    before = cpu_s()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        spent = run_module("burning", "now", answer=float)
    assert cpu_s() - before >= spent - 0.05  # the system counts in ticks


def test_a_module_that_fails_says_how() -> None:
    with pytest.raises(RuntimeError, match=r"flush nonsense failed: there is no measurement \['nonsense'\]"):
        run_module("bench.parts.flush", "nonsense", answer=float)


def test_a_module_that_was_started_ends_with_its_context(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text("import sys\nprint('here', flush=True)\nsys.stdin.read()\n")
    with started("waiting", PYTHONPATH=str(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
    assert process.returncode == -9
