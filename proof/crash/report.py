"""What a disturbed run came to: a table for people, a JSON file for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from proof.crash.disturbance import Account

KINDS = {"run": "the run", "java": "its Java", "training": "its training", "python": "its Python worker"}
"""How a table calls what was killed; services go by their names."""


@dataclass(slots=True)
class Report:
    """All figures."""

    symbols: tuple[str, ...]
    days: tuple[date, ...]
    seed: int
    mean_s: float
    undisturbed: list[Account] = field(default_factory=list)
    disturbed: list[Account] = field(default_factory=list)
    kept: list[str] = field(default_factory=list[str])
    """Runs that did every unit, and of which is kept what they held then."""
    places: dict[str, int] = field(default_factory=dict[str, int])
    """Compared, by the system that holds them."""
    rows: dict[str, int] = field(default_factory=dict[str, int])
    """In these places."""
    hidden: dict[str, int] = field(default_factory=dict[str, int])
    """Files that the disturbed run left and no reader sees, by the system that holds them."""
    differences: list[str] = field(default_factory=list[str])
    never_done: str = ""
    """Why the run was given up; empty where it was completed."""

    @property
    def is_compared(self) -> bool:
        """Whether there is nothing more to do."""
        return bool(self.places)

    def goes_on_with(self, other: Report) -> bool:
        """Whether the other is of the same days, symbols and kills."""
        mine, its = ((r.symbols, r.days, r.seed, r.mean_s) for r in (self, other))
        return mine == its

    @property
    def kills(self) -> Counter[str]:
        """How often each kind of process was killed."""
        return Counter(kill.kind for account in self.disturbed for kill in account.kills)

    @property
    def attempts(self) -> int:
        """Of all units together."""
        return sum(account.attempts for account in self.disturbed)

    @property
    def steps(self) -> Counter[str]:
        """How often something was killed while each asset was worked on."""
        return Counter(kill.step or "none yet" for account in self.disturbed for kill in account.kills)


def read_report(path: Path) -> Report | None:
    """What was written; None where nothing was, or by another version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_report(report: Report, path: Path) -> None:
    """All of it as JSON, whole or not at all."""
    figures = {
        **msgspec.to_builtins(report),
        "attempts": report.attempts,
        "kills": dict(report.kills),
        "steps": dict(report.steps),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    beside.replace(path)


def print_report(console: Console, report: Report) -> None:
    """Figures, then every difference in a sentence."""
    console.print(_lines(_figures(report)))
    for line in report.differences:
        console.print(line, markup=False, soft_wrap=True)
    if report.never_done:
        console.print(f"Given up: {report.never_done}", markup=False, soft_wrap=True)


def _figures(report: Report) -> Iterable[tuple[str, str]]:
    unprovoked = sum(len(account.unprovoked) for account in report.disturbed)
    most = max(report.disturbed, key=lambda account: account.attempts, default=None)
    yield "units of work", f"{len(report.disturbed):,}"
    yield "undisturbed", f"{_seconds(report.undisturbed):,.0f} s"
    yield "disturbed", f"{_seconds(report.disturbed):,.0f} s, {report.attempts:,} attempts"
    if most is not None:
        yield "most attempts", f"{most.attempts:,}, {most.unit}"
    yield "failed with nothing killed", f"{unprovoked:,}"
    for kind, count in report.kills.most_common():
        yield f"killed: {KINDS.get(kind, kind)}", f"{count:,}"
    for system, count in report.places.items():
        yield f"compared: {system}", f"{count:,} places, {report.rows[system]:,} rows"
    for system, count in report.hidden.items():
        yield f"hidden files left: {system}", f"{count:,}"
    yield "differences", f"{len(report.differences):,}"


def _seconds(accounts: Iterable[Account]) -> float:
    return sum(account.wall_s for account in accounts)


def _lines(figures: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, figure in figures:
        table.add_row(name, figure)
    return table
