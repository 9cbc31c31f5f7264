"""Every parser under what nobody sends, for a while each: `python -m proof.fuzz --seconds 600`."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proof.fuzz.parsers import TARGETS

MOST_MB = 2048
"""Of memory: more, and the input is a finding."""
LONGEST_S = 20
"""For one input: longer, and it is a finding."""
_STATUS = re.compile(r"^#(\d+)\s+\w+.*?cov: (\d+).*?rss: (\d+)Mb", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What came of a parser."""

    name: str
    runs: int
    edges: int
    """Branches of instrumented code that were reached."""
    memory_mb: int
    findings: tuple[Path, ...]


def fuzz(name: str, *, seconds: int, folder: Path) -> Fuzzed:
    """Run one parser for so long, or until something is found; its inputs and its log lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "proof.fuzz.one", name, str(folder), f"-max_total_time={seconds}"]
    bounds = [f"-rss_limit_mb={MOST_MB}", f"-timeout={LONGEST_S}", f"-artifact_prefix={folder}/"]
    before = set(_findings(folder))
    log = folder / "log.txt"
    with log.open("wb") as output:
        subprocess.run([*command, *bounds], stdout=output, stderr=output, check=False, env=_environment())
    status = _STATUS.findall(log.read_text(errors="replace")) or [("0", "0", "0")]
    runs, edges, memory = map(int, status[-1])
    return Fuzzed(name, runs, edges, memory, tuple(sorted(set(_findings(folder)) - before)))


def _environment() -> dict[str, str]:
    return {**os.environ, "RUST_BACKTRACE": "0"}


def _findings(folder: Path) -> list[Path]:
    return [path for kind in ("crash", "timeout", "oom", "leak") for path in folder.glob(f"{kind}-*")]


def main() -> None:
    """Fuzz, then print a table; exit 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m proof.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="parser", help=f"all unless named: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=600, help="for each parser")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="parsers at once")
    parser.add_argument("--folder", type=Path, default=Path(".data/fuzz"), help="for inputs, logs and findings")
    options = parser.parse_args()
    if unknown := set(options.names) - set(TARGETS):
        parser.error(f"there is no parser {', '.join(sorted(unknown))}")
    names = options.names or list(TARGETS)
    console = Console(highlight=False)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda name: fuzz(name, seconds=options.seconds, folder=options.folder / name), names))
    table = Table(box=None, pad_edge=False)
    table.add_column("parser")
    for column in ("runs", "branches", "memory"):
        table.add_column(column, justify="right")
    table.add_column("found")
    for result in results:
        found = ", ".join(str(path) for path in result.findings) or "nothing"
        table.add_row(result.name, f"{result.runs:,}", f"{result.edges:,}", f"{result.memory_mb:,} MB", found)
    console.print(table)
    if any(result.findings for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
