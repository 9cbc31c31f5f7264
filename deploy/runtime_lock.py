"""The part of requirements.lock that runs, without what only tests and documents need.

`python runtime_lock.py requirements.lock > runtime.lock` keeps versions, hashes and markers as they are. The lock says
behind each package who asked for it (`# via`); a package stays where that leads to the project itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = "crypto-assets (pyproject.toml)"
NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==")
VIA = re.compile(r"^    #(?: via)?\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of the lock."""

    name: str
    lines: tuple[str, ...]
    """As they stand in the lock."""
    wanted_by: frozenset[str]
    """Names of packages, and of groups of the project."""


def main(path: str) -> int:
    """Print the lock of what runs."""
    packages = read_lock(Path(path).read_text(encoding="utf-8"))
    kept = runtime_names(packages)
    for package in packages:
        if package.name in kept:
            print("\n".join(package.lines))
    print(f"{len(kept)} of {len(packages)} packages", file=sys.stderr)
    return 0


def read_lock(text: str) -> list[Locked]:
    """The packages in their order."""
    return [_parse(lines) for lines in _blocks(text.splitlines())]


def runtime_names(packages: Iterable[Locked]) -> frozenset[str]:
    """Names of the packages that the project needs when it runs, themselves or through others."""
    by_name: Mapping[str, Locked] = {package.name: package for package in packages}
    kept = {name for name, package in by_name.items() if PROJECT in package.wanted_by}
    while more := {n for n, package in by_name.items() if n not in kept and package.wanted_by & kept}:
        kept |= more
    return frozenset(kept)


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        if NAME.match(line):
            if block:
                yield block
            block = [line]
        elif block:
            block.append(line)
    if block:
        yield block


def _parse(lines: list[str]) -> Locked:
    found = NAME.match(lines[0])
    name = found[1] if found else ""
    via = (VIA.match(line) for line in lines[1:])
    return Locked(name, tuple(lines), frozenset(match[1] for match in via if match and match[1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
