"""Small faults put into the code, and whether a test notices: `python -m proof.mutants cleaning judge`.

A fault that no test notices is a line that could be wrong. What makes and runs them is mutmut, on a copy of the
project, with the tests of the area that need no service. It is no part of the environment:
`.venv/bin/pip install mutmut==3.8.1`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = "mutants"
"""The profile of hypothesis: few examples, the same ones each time."""
_KILLED = {1, 3, 24, -24, 36, 152, 255, -9, -11}
"""Exit codes of mutmut's children: a test failed, took far too long, or the process crashed."""
_UNTESTED = {5, 33}


@dataclass(frozen=True, slots=True)
class Area:
    """Code that counts, and the tests that are to notice."""

    code: tuple[str, ...]
    tests: tuple[str, ...]


def _area(code: Mapping[str, str], tests: Mapping[str, str]) -> Area:
    """Names of modules, separated by blanks, by their folder."""
    return Area(
        tuple(f"{folder}/{name}.py" for folder, names in code.items() for name in names.split()),
        tuple(f"{folder}/test_{name}.py" for folder, names in tests.items() for name in names.split()),
    )


AREAS = {
    "cleaning": Area(("cleaning/*",), ("cleaning",)),
    "features": Area(("features/*",), ("features", "tools/test_generated.py")),
    "warehouse": _area(
        {"warehouse": "ddl extract_plan facts figures gate gate_* tables verdict"},
        {"warehouse": "ddl extract_plan facts figures gate recorded_facts", "checks": "warehouse"},
    ),
    "judge": _area(
        {"forecast/judge": "*"},
        {"forecast/judge": "baselines evaluation figures history leaks measures report significance verdict"},
    ),
    "archive": _area(
        {"binance": "archive* csv_rows typed_rows"},
        {"binance": "archive archive_paths archive_tables archive_zip csv_rows typed_rows"},
    ),
    "offsets": _area(
        {"stream/collector": "spool tracks", "stream": "columns gaps", "convergence": "live live_ranges"},
        {"stream/collector": "spool tracks", "stream": "columns gaps", "convergence": "live live_ranges"},
    ),
}


@dataclass(frozen=True, slots=True)
class Mutants:
    """What became of the mutants of an area."""

    killed: int
    survived: tuple[str, ...]
    untested: tuple[str, ...]
    """In functions that no test of the area calls."""
    others: int

    @property
    def share(self) -> float:
        """Killed of all, 0 to 1."""
        everything = self.killed + len(self.survived) + len(self.untested) + self.others
        return self.killed / everything if everything else 1.0


def run(area: Area, *, folder: Path, jobs: int) -> Mutants:
    """Put every fault into a copy of the project in the folder, one after the other; goes on where it was left."""
    if not (folder / "pyproject.toml").exists():
        _copy(folder)
        _configure(folder, area)
    environment = {**os.environ, "HYPOTHESIS_PROFILE": EXAMPLES, "PYTHONPATH": ""}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs)]
    with (folder / "mutmut.log").open("wb") as log:
        ended = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False)
    if ended.returncode:
        sys.exit(f"mutmut ended with {ended.returncode}; its log is {folder / 'mutmut.log'}")
    return _outcome(folder)


def _copy(folder: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _configure(folder: Path, area: Area) -> None:
    beside = sorted(
        path.name for path in folder.iterdir() if path.name not in ("crypto_assets", "resources", "sensors")
    )
    lines = {
        "source_paths": ["crypto_assets", "resources", "sensors"],
        "only_mutate": [f"crypto_assets/{pattern}" for pattern in area.code],
        "pytest_add_cli_args_test_selection": [f"crypto_assets_tests/{name}" for name in area.tests],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-x", "-q"],
        "also_copy": beside,
        "process_isolation": "forkserver",
        "use_git_change_detection": False,
    }
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in lines.items())
    with (folder / "pyproject.toml").open("a") as project:
        project.write(f"\n[tool.mutmut]\n{text}\n")


def _outcome(folder: Path) -> Mutants:
    statuses: dict[str, int | None] = {}
    for path in (folder / "mutants").rglob("*.meta"):
        statuses |= json.loads(path.read_text())["exit_code_by_key"]
    kinds = Counter(
        "killed" if code in _KILLED else "survived" if code == 0 else "untested" if code in _UNTESTED else "?"
        for code in statuses.values()
    )
    return Mutants(
        kinds["killed"],
        tuple(sorted(name for name, code in statuses.items() if code == 0)),
        tuple(sorted(name for name, code in statuses.items() if code in _UNTESTED)),
        kinds["?"],
    )


def functions(names: Sequence[str]) -> list[str]:
    """The functions that mutants lie in, each with how many, the most first."""
    inside = Counter(re.sub(r"__mutmut_\d+$", "", name).replace("crypto_assets.", "", 1) for name in names)
    return [f"{count} in {name}" for name, count in inside.most_common()]


def main() -> None:
    """Run areas, then print a table and where what survived lies."""
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="area", help=f"all unless named: {', '.join(AREAS)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="for the copies, which a later run goes on with")
    options = parser.parse_args()
    if unknown := set(options.areas) - set(AREAS):
        parser.error(f"there is no area {', '.join(sorted(unknown))}")
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("area", "killed", "survived", "untested", "share killed"):
        table.add_column(column, justify="left" if column == "area" else "right")
    with tempfile.TemporaryDirectory(prefix="crypto-assets-mutants-") as temporary:
        for name in options.areas or AREAS:
            found = run(AREAS[name], folder=(options.folder or Path(temporary)) / name, jobs=options.jobs)
            counts = (found.killed, len(found.survived), len(found.untested))
            table.add_row(name, *(f"{count:,}" for count in counts), f"{100 * found.share:.1f} %")
            for line in functions(found.survived + found.untested):
                console.print(f"{name}: {line}")
    console.print(table)


if __name__ == "__main__":
    main()
