"""Small faults put into the code, and whether a test notices: `python -m proof.mutants cleaning --sample 300`.

A fault that no test notices is a line that could be wrong. What makes and runs them is mutmut, on a copy of the
project, with the tests of the area that need no service. It is no part of the environment:
`.venv/bin/pip install mutmut==3.8.1`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = "mutants"
"""The profile of hypothesis: few examples, the same ones each time."""
PLUGINS = ("proof.without_services", "proof.mutant_plugin")
_OUT_OF_TIME = {24, -24, 36, 152, 255}
_KILLED = {1, 3, -9, -11} | _OUT_OF_TIME
"""Exit codes of mutmut's children: a test failed, took far too long, or the process crashed."""
_UNTESTED = {5, 33}
_NOTHING = "no-mutant"
_LOG = "mutmut.log"


@dataclass(frozen=True, slots=True)
class Area:
    """Code that counts, and the tests that are to notice."""

    code: tuple[str, ...]
    tests: tuple[str, ...]
    works_at_import: bool = False
    """Whether much of it runs when it is imported: then each mutant needs a process that has not imported it yet."""


def _area(code: Mapping[str, str], tests: Mapping[str, str]) -> Area:
    """Names of modules, separated by blanks, by their folder."""
    return Area(
        tuple(f"{folder}/{name}.py" for folder, names in code.items() for name in names.split()),
        tuple(f"{folder}/test_{name}.py" for folder, names in tests.items() for name in names.split()),
    )


AREAS = {
    "cleaning": Area(("cleaning/*", "flags.py"), ("cleaning", "test_flags.py")),
    "features": Area(("features/*",), ("features", "tools/test_generated.py"), works_at_import=True),
    "warehouse": _area(
        {"warehouse": "ddl extract_plan facts figures gate gate_* tables verdict"},
        {"warehouse": "ddl extract_plan facts figures gate recorded_facts", "checks": "warehouse"},
    ),
    "judge": _area(
        {"forecast/judge": "*"},
        {
            "forecast/judge": "baselines evaluation figures history leaks leaks_target measures report significance "
            "verdict"
        },
    ),
    "archive": _area(
        {"binance": "archive* csv_rows typed_rows"},
        {"binance": "archive archive_paths archive_tables archive_zip csv_rows typed_rows"},
    ),
    "offsets": _area(
        {"stream/collector": "spool tracks", "stream": "columns gaps", "convergence": "live live_ranges"},
        {"stream/collector": "spool tracks", "stream": "columns gaps", "convergence": "live_drain live_ranges"},
    ),
}


@dataclass(frozen=True, slots=True)
class Mutants:
    """What became of the mutants that were drawn from an area."""

    existing: int
    """Mutants of the area, drawn or not."""
    killed: int
    out_of_time: int
    """Of those killed. More than a few say that tests hang among mutants, as Polars does in a fork of what used it."""
    survived: tuple[str, ...]
    untested: tuple[str, ...]
    """In functions that no test of the area calls."""
    others: int

    @property
    def drawn(self) -> int:
        """All that were tried."""
        return self.killed + len(self.survived) + len(self.untested) + self.others

    @property
    def share(self) -> float:
        """Killed of those drawn, 0 to 1."""
        return self.killed / self.drawn if self.drawn else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the whole area's share lies with 95 % confidence (Wilson); the share itself where all were tried."""
        from scipy.stats import binomtest

        if self.drawn == self.existing:
            return self.share, self.share
        found = binomtest(self.killed, self.drawn).proportion_ci(method="wilson")
        return float(found.low), float(found.high)


def run(area: Area, *, folder: Path, jobs: int, sample: int | None = None, seed: int = 0) -> Mutants:
    """Put faults into a copy of the project in the folder, one after the other; goes on where it was left.

    All of them, or so many as `sample` says, drawn at random: the same ones for a seed as long as the code is the same.
    """
    if not (folder / "pyproject.toml").exists():
        _copy(folder)
        _configure(folder, area)
    if not (folder / "mutants" / "mutmut-stats.json").exists():
        # Ends on a name that it does not know: after it has made all mutants and seen which test calls which function.
        _mutmut(folder, [_NOTHING], jobs=jobs)
    found = _statuses(folder)
    if not found:
        sys.exit(f"mutmut made no mutants; its log is {folder / _LOG}")
    drawn = sorted(found)
    if sample is not None:
        draw = random.Random(seed)  # nosec B311 # no secret is drawn
        drawn = sorted(draw.sample(drawn, min(sample, len(drawn))))
    if left := [name for name in drawn if found[name] is None]:
        ended = _mutmut(folder, left, jobs=jobs)
        found = _statuses(folder)
        if ended or any(found[name] is None for name in drawn):
            sys.exit(f"mutmut ended with {ended} before all were tried; its log is {folder / _LOG}")
    return _outcome({name: found[name] for name in drawn}, existing=len(found))


def _mutmut(folder: Path, names: Sequence[str], *, jobs: int) -> int:
    """The exit status of trying these mutants."""
    environment = {**os.environ, "HYPOTHESIS_PROFILE": EXAMPLES, "PYTHONPATH": ""}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs), *names]
    with (folder / _LOG).open("wb") as log:
        return subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode


def _copy(folder: Path) -> None:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
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
        "pytest_add_cli_args": ["-p", "no:cacheprovider", *(f"-p{name}" for name in PLUGINS), "-x", "-q"],
        "also_copy": beside,
        "timeout_constant": 3.0,  # a mutant has ten times the seconds of its tests and these
        "timeout_multiplier": 10.0,
        "process_isolation": "forkserver",
        "forkserver_warmup": "none" if area.works_at_import else "collect",
        "use_git_change_detection": False,
    }
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in lines.items())
    with (folder / "pyproject.toml").open("a") as project:
        project.write(f"\n[tool.mutmut]\n{text}\n")


def _statuses(folder: Path) -> dict[str, int | None]:
    statuses: dict[str, int | None] = {}
    for path in (folder / "mutants").rglob("*.meta"):
        statuses |= json.loads(path.read_text())["exit_code_by_key"]
    return statuses


def _outcome(statuses: Mapping[str, int | None], *, existing: int) -> Mutants:
    survived = tuple(sorted(name for name, code in statuses.items() if code == 0))
    untested = tuple(sorted(name for name, code in statuses.items() if code in _UNTESTED))
    killed = sum(code in _KILLED for code in statuses.values())
    slow = sum(code in _OUT_OF_TIME for code in statuses.values())
    return Mutants(existing, killed, slow, survived, untested, len(statuses) - killed - len(survived) - len(untested))


def by_function(names: Sequence[str]) -> list[str]:
    """The functions that mutants lie in, each with their numbers; `mutmut show` prints one by its name."""
    inside: dict[str, list[str]] = {}
    for name in names:
        function, _, number = name.rpartition("__mutmut_")
        inside.setdefault(function, []).append(number)
    return [f"{function}__mutmut_ {' '.join(sorted(numbers, key=int))}" for function, numbers in inside.items()]


def main() -> None:
    """Run areas, then print a table and where what survived lies."""
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="area", help=f"all unless named: {', '.join(AREAS)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="for the copies, which a later run goes on with")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of each area, drawn at random; all without it")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing")
    options = parser.parse_args()
    if unknown := set(options.areas) - set(AREAS):
        parser.error(f"there is no area {', '.join(sorted(unknown))}")
    if options.jobs < 1 or (options.sample is not None and options.sample < 1):
        parser.error("--jobs and --sample are at least 1")
    console = Console(highlight=False, width=120)
    table = Table(box=None, pad_edge=False)
    for column in (
        "area",
        "mutants",
        "drawn",
        "killed",
        "by time",
        "survived",
        "untested",
        "share killed",
        "95 % confidence",
    ):
        table.add_column(column, justify="left" if column == "area" else "right")
    with tempfile.TemporaryDirectory(prefix="crypto-assets-mutants-") as temporary:
        for name in options.areas or AREAS:
            folder = (options.folder or Path(temporary)) / name
            found = run(AREAS[name], folder=folder, jobs=options.jobs, sample=options.sample, seed=options.seed)
            tried = (found.existing, found.drawn, found.killed, found.out_of_time)
            counts = (*tried, len(found.survived), len(found.untested))
            low, high = found.interval
            shares = (f"{100 * found.share:.1f} %", f"{100 * low:.1f} to {100 * high:.1f} %")
            table.add_row(name, *(f"{count:,}" for count in counts), *shares)
            for kind, names in (("survived", found.survived), ("untested", found.untested)):
                for line in by_function(names):
                    console.print(f"{kind}: {line}", soft_wrap=True)
    console.print(table)


if __name__ == "__main__":
    main()
