"""Parts one after the other, each in a process of its own that ends with this one, whatever becomes of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.declared import Part
from bench.machine import ROOT
from bench.measuring import Absent, Rounds
from bench.one import FILE, Line
from crypto_assets.processes import end_children, start_child

LEAST_PATIENCE_S, PATIENCE = 900.0, 5.0
"""A part may take five times as long as expected, or this long."""
STOP_S = 60.0
"""For the services of a part to stop."""
LONGEST_SENTENCE = 300


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a part."""

    taken: Mapping[str, Rounds | Absent]
    seconds: float
    failure: str
    """Why it ended before its end; empty where it did not."""


def run(part: Part, *, folder: Path, log: Path, rounds: int) -> Ran:
    """Measure one part; whatever fails in it becomes a sentence. `log` gets what its programs say."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "bench.one", part.module, str(folder), str(rounds)]
    places = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": places}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling is no part of what a user waits for
    began = time.monotonic()
    child = start_child(command, environment=environment, folder=ROOT, log=log)
    limit_s = max(LEAST_PATIENCE_S, PATIENCE * part.expected_s)
    failure = ""
    try:
        status = child.wait(limit_s)
        if status < 0:
            failure = f"its process was ended by signal {-status}"
        elif status:
            failure = f"its process ended with status {status}"
    except subprocess.TimeoutExpired:
        failure = f"it was ended after {limit_s / 60:.0f} minutes"
    finally:
        end_children([child], grace_s=STOP_S)
    lines = _lines(folder / FILE)
    told = next((line.failure for line in lines if line.failure), "")
    taken = {line.name: line.outcome for line in lines if line.outcome is not None}
    return Ran(taken, time.monotonic() - began, _short(told or failure))


def _lines(path: Path) -> list[Line]:
    """What a part told; a last line that a kill cut off is left out."""
    whole, _, _ = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
    return [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]


def _short(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= LONGEST_SENTENCE else first[: LONGEST_SENTENCE - 1] + "…"


def expected_s(parts: Iterable[Part], former: Mapping[str, float]) -> float:
    """How long these parts take: as long as formerly, or as declared."""
    return sum(former.get(part.name, part.expected_s) for part in parts)
