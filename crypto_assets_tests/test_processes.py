"""Programs run as children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from crypto_assets.processes import end_children, start_child

ROOT = Path(__file__).resolve().parents[1]
STUBBORN = (
    "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True); "
    "print(child.pid, flush=True)\nwhile True: signal.pause()"
)


@pytest.fixture
def stubborn(tmp_path: Path) -> subprocess.Popen[bytes]:
    """A program that ignores SIGTERM and has started another one in a session of its own."""
    return start_child(
        [sys.executable, "-c", STUBBORN],
        environment=os.environ,
        folder=tmp_path,
        log=tmp_path / "log",
        read_stdout=True,
    )


def test_ending_a_program_ends_what_it_started_even_when_it_ignores_the_request(
    stubborn: subprocess.Popen[bytes],
) -> None:
    assert stubborn.stdout is not None
    grandchild = psutil.Process(int(stubborn.stdout.readline()))
    end_children([stubborn], grace_s=0.2)
    assert stubborn.returncode == -signal.SIGKILL
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_ending_a_program_that_has_ended_does_nothing(tmp_path: Path) -> None:
    child = start_child(["true"], environment=os.environ, folder=tmp_path, log=tmp_path / "log")
    child.wait()
    end_children([child])
    assert child.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
@pytest.mark.parametrize("disposition", ["SIG_DFL", "SIG_IGN"])
def test_a_program_ends_with_its_parent_however_that_ended(tmp_path: Path, disposition: str) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, pathlib, signal, sys, time; from crypto_assets.processes import start_child; "
            f"signal.signal(signal.SIGTERM, signal.{disposition}); "
            f"folder = pathlib.Path({str(tmp_path)!r}); "
            "child = start_child([sys.executable, '-c', 'import time; time.sleep(600)'], "
            "environment=os.environ, folder=folder, log=folder / 'log'); "
            "print(child.pid, flush=True); time.sleep(600)",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    gone, _ = psutil.wait_procs([child], timeout=10)
    assert gone == [child] or child.status() == psutil.STATUS_ZOMBIE


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    child = start_child(
        ["sh", "-c", "echo out; echo err >&2"], environment=os.environ, folder=tmp_path, log=tmp_path / "logs" / "log"
    )
    child.wait()
    assert sorted((tmp_path / "logs" / "log").read_text().split()) == ["err", "out"]
