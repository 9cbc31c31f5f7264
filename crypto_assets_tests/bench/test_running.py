"""Parts in processes of their own: what they told is kept, whatever becomes of them, and nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.declared import PARTS, Part, measures_of
from bench.machine import ROOT
from bench.measuring import Rounds
from bench.running import Ran, expected_s, run
from crypto_assets_tests.waiting import wait_for

ONE = 'from bench.measuring import Rounds\ndef measure(folder, rounds):\n    yield "a.b", Rounds([float(rounds)])\n'


def ran(folder: Path, *lines: str, patch: pytest.MonkeyPatch) -> Ran:
    """What became of a part that tells of one measure, and then goes on with these lines."""
    (folder / "going_on.py").write_text(ONE + "".join(f"    {line}\n" for line in lines))
    patch.setenv("PYTHONPATH", str(folder))
    part = Part("a", "Going on", "going_on", rounds=3, expected_s=1)
    return run(part, folder=folder / "of_part", log=folder / "log.txt", rounds=3)


def test_a_part_tells_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ran(tmp_path, patch=monkeypatch)
    assert (found.taken, found.failure) == ({"a.b": Rounds([3.0])}, "")


def test_what_fails_is_a_sentence_and_the_measures_before_it_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ran(tmp_path, "raise RuntimeError('no room\\nand more')", patch=monkeypatch)
    assert (list(found.taken), found.failure) == (["a.b"], "RuntimeError: no room")
    assert "Traceback" in (tmp_path / "log.txt").read_text()


def test_a_part_that_is_killed_loses_no_measure_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ran(tmp_path, "import os, signal", "os.kill(os.getpid(), signal.SIGKILL)", patch=monkeypatch)
    assert (list(found.taken), found.failure) == (["a.b"], "its process was ended by signal 9")


def test_a_part_that_cannot_be_imported_is_a_sentence(tmp_path: Path) -> None:
    part = Part("a", "Nothing", "bench.parts.nothing", rounds=1, expected_s=1)
    found = run(part, folder=tmp_path / "of_part", log=tmp_path / "log.txt", rounds=1)
    assert found.failure == "ModuleNotFoundError: No module named 'bench.parts.nothing'"


def test_an_interrupt_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "sleeping.py").write_text(
        "import os, subprocess\n"
        "def measure(folder, rounds):\n"
        "    child = subprocess.Popen(['sleep', '600'])\n"
        f"    open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}.')\n"
        "    child.wait()\n"
        "    yield\n"
    )
    (tmp_path / "running.py").write_text(
        "from pathlib import Path\n"
        "from bench.declared import Part\n"
        "from bench import running\n"
        "from crypto_assets.processes import end_on_signals\n"
        "end_on_signals()\n"
        f"here = Path({str(tmp_path)!r})\n"
        "running.STOP_S = 2.0\n"
        "part = Part('a', 'Sleeping', 'sleeping', 1, 1)\n"
        "running.run(part, folder=here / 'of_part', log=here / 'log.txt', rounds=1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    program = subprocess.Popen([sys.executable, "-m", "running"], env=environment, stderr=subprocess.PIPE, text=True)
    pids = tmp_path / "pids"
    text = wait_for(
        lambda: pids.read_text() if pids.exists() else "", until=lambda seen: seen.endswith("."), deadline_s=120
    )
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=120)
    assert "KeyboardInterrupt" in said
    assert [pid for pid in map(int, text.rstrip(".").split()) if psutil.pid_exists(pid)] == []


def test_a_part_is_expected_to_take_as_long_as_formerly() -> None:
    parts = [part for part in PARTS if part.name in ("query", "copy")]
    (query,) = (part for part in parts if part.name == "query")
    assert expected_s(parts, {"copy": 10.0}) == 10.0 + query.expected_s


def test_a_real_part_becomes_a_table_and_a_document(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "simulator", "--rounds", "1"],
        env={**os.environ, "DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1: Days of the simulated market (simulator), about 1 min" in done.stdout
    (path,) = (tmp_path / "bench").glob("*.json")
    measures = json.loads(path.read_text())["measures"]
    assert set(measures) == {measure.name for measure in measures_of("simulator")}
    assert all(measure["figure"]["median"] > 0 for measure in measures.values())
    assert str(path) in done.stdout
