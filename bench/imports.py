"""What loading the code location costs beside Dagster itself."""

from __future__ import annotations

import subprocess
import sys

from bench.measuring import Line, side_by_side

ROUNDS = 5


def measure() -> list[Line]:
    """A fresh interpreter for each import."""
    pair = side_by_side(
        lambda: _run("import crypto_assets.definitions; crypto_assets.definitions.defs()"),
        lambda: _run("import dagster"),
        rounds=ROUNDS,
    )
    line = pair.line("load crypto_assets.definitions / import dagster", aim="at most 1 s more")
    more = Line("  of that, ours", f"{(pair.ours_s - pair.bare_s) * 1e3:,.0f} ms")
    return [line, more]


def _run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)
