"""One part of the bench, in a process of its own: `python -m bench.one MODULE FOLDER ROUNDS`.

Writes each measure to `taken.jsonl` of the folder as soon as it is known, and what went wrong as a last line.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import msgspec

from bench.measuring import Absent, Rounds, Taken
from crypto_assets.processes import end_on_signals

FILE = "taken.jsonl"


class Line(msgspec.Struct, frozen=True):
    """What became of one measure; without a name, why the part ended before its end."""

    name: str = ""
    outcome: Rounds | Absent | None = None
    failure: str = ""


def main(module: str, folder: Path, rounds: int) -> int:
    """Measure a part; 1 where it failed, with the trace on standard error."""
    with (folder / FILE).open("wb") as file:

        def tell(line: Line) -> None:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()

        try:
            measure: Callable[[Path, int], Taken] = import_module(module).measure
            for measured, outcome in measure(folder, rounds):
                tell(Line(measured, outcome))
        except Exception as error:
            traceback.print_exc()
            tell(Line(failure=f"{type(error).__name__}: {error}"))
            return 1
    return 0


if __name__ == "__main__":
    end_on_signals()
    try:
        status = main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
