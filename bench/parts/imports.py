"""What loading the code location costs beside Dagster itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.measuring import Rounds, Taken, take_turns


def measure(_folder: Path, rounds: int) -> Taken:
    """A fresh interpreter for each import."""
    ours, bare = take_turns(
        lambda: _run("import crypto_assets.definitions; crypto_assets.definitions.defs()"),
        lambda: _run("import dagster"),
        rounds=rounds,
    )
    yield "imports.more", Rounds(ours.seconds, bare.seconds)


def _run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)
