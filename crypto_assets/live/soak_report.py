"""What a soak found: a table for people, a JSON file for programs, a page and a picture to keep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from crypto_assets.live.account import print_accounts
from crypto_assets.live.equation import Account
from crypto_assets.live.ledger import print_gaps
from crypto_assets.live.memory import Growth, Sample, judge_memory, lives_of
from crypto_assets.stream.gaps import Gap

WIDTH_OF_PAGE = 140
_COLOURS = 10
"""Of matplotlib's cycle; programs beyond them are dashed."""


class Happening(msgspec.Struct, frozen=True):
    """One fault, and how long it took until every service did its work again."""

    at_s: float
    what: str
    recovered_s: float | None
    """None where that was not reached, or does not apply."""
    note: str = ""


class Check(msgspec.Struct, frozen=True):
    """One look at the equation."""

    at_s: float
    trades: int
    took_s: float
    """Until it held, or was given up."""
    holds: bool
    differences: tuple[str, ...] = ()


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a soak measured."""

    started_at: datetime
    minutes: float
    speed: float
    seed: int
    symbols: tuple[str, ...]
    happenings: tuple[Happening, ...]
    checks: tuple[Check, ...]
    samples: tuple[Sample, ...]
    messages: dict[str, int]
    """In Kafka at the end, by topic."""
    gaps: dict[str, int]
    """In the ledger at the end, by state."""
    misses: tuple[str, ...]
    """Why it failed; empty where it did not."""


def check_of(accounts: Sequence[Account], *, at_s: float, took_s: float) -> Check:
    """What the accounts of all symbols came to."""
    differences = tuple(f"{account.symbol}: {sentence}" for account in accounts for sentence in account.differences)
    return Check(at_s, sum(account.ids for account in accounts), took_s, not differences, differences)


def print_soak(
    console: Console, figures: Figures, *, accounts: Sequence[Account], gaps: Sequence[Gap], heading: str = "Soak"
) -> None:
    """All of it but the single samples."""
    recovered = sorted(h.recovered_s for h in figures.happenings if h.recovered_s is not None)
    console.print(
        f"{heading} of {figures.minutes:g} minutes at speed {figures.speed:g}, seed {figures.seed}, "
        f"{', '.join(figures.symbols)}: {len(figures.happenings)} faults, {sum(figures.messages.values()):,} messages"
    )
    if recovered:
        middle, longest = recovered[len(recovered) // 2], recovered[-1]
        console.print(f"Every service worked again after {middle:.0f} s (median), {longest:.0f} s (longest)")
    held = sum(check.holds for check in figures.checks)
    console.print(f"Equation: held at {held} of {len(figures.checks)} checks")
    print_accounts(console, accounts)
    print_gaps(console, gaps)
    print_growth(console, judge_memory(figures.samples))
    console.print(
        "Nothing was missed." if not figures.misses else "\n".join(("MISSED:", *figures.misses)), markup=False
    )


def print_growth(console: Console, growths: Sequence[Growth]) -> None:
    """A line for each program."""
    table = Table(
        title="Memory (of a program's longest life, the last two thirds)",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("program")
    for name in ("lives", "longest", "median", "peak", "slope (95 %)", "growth"):
        table.add_column(name, justify="right")
    table.add_column("")
    for growth in growths:
        verdict = "flat" if growth.is_flat else "GROWS"
        table.add_row(
            growth.program,
            str(growth.lives),
            f"{growth.life_s / 60:.0f} min",
            f"{growth.median_mb:,.0f} MB",
            f"{growth.peak_mb:,.0f} MB",
            f"{growth.slope_mb_per_hour:+,.0f} MB/h ({growth.low_mb_per_hour:+,.0f} to {growth.high_mb_per_hour:+,.0f})"
            if growth.is_measurable
            else "",
            f"{growth.growth_mb:+,.1f} MB" if growth.is_measurable else "",
            verdict if growth.is_measurable else "too short to say",
        )
    console.print(table)


def write_soak(
    folder: Path, figures: Figures, *, accounts: Sequence[Account], gaps: Sequence[Gap]
) -> tuple[Path, Path, Path]:
    """Write report.json, report.md and soak.png; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page, picture = folder / "report.json", folder / "report.md", folder / "soak.png"
    data.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))
    draw_soak(figures, picture)
    with page.open("w", encoding="utf-8") as file:
        console = Console(file=file, width=WIDTH_OF_PAGE, highlight=False)
        console.print(f"# Soak of {figures.started_at:%Y-%m-%d %H:%M} UTC\n\n```")
        print_soak(console, figures, accounts=accounts, gaps=gaps)
        console.print("\nFaults")
        for h in figures.happenings:
            end = "" if h.recovered_s is None else f"; all well after {h.recovered_s:.0f} s"
            console.print(f"{clock(h.at_s)}  {h.what}{end} {h.note}".rstrip(), markup=False, soft_wrap=True)
        console.print("\nChecks")
        for check in figures.checks:
            verdict = "holds" if check.holds else "; ".join(check.differences)
            line = f"{clock(check.at_s)}  {check.trades:,} trades, {check.took_s:.0f} s: {verdict}"
            console.print(line, markup=False, soft_wrap=True)
        console.print("```\n\n![soak](soak.png)")
    return page, data, picture


def draw_soak(figures: Figures, path: Path) -> None:
    """Over the minutes of the soak: memory of each program, and how long services and accounts took to recover."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    memory, recovery = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for number, (program, lives) in enumerate(lives_of(figures.samples).items()):
        for nth, life in enumerate(lives):
            memory.plot(
                [s.at_s / 60 for s in life],
                [s.mb for s in life],
                color=f"C{number}",
                linestyle="-" if number < _COLOURS else "--",
                label=program if nth == 0 else None,
                linewidth=1.2,
            )
    for happening in figures.happenings:
        memory.axvline(happening.at_s / 60, color="0.85", linewidth=0.8, zorder=0)
    recovered = [(h.at_s / 60, h.recovered_s) for h in figures.happenings if h.recovered_s is not None]
    checked = [(check.at_s / 60, check.took_s) for check in figures.checks]
    for points, marker, label in (
        (recovered, "o", "a kill: until every service did its work again"),
        (checked, "s", "a check: until the equation held"),
    ):
        recovery.scatter(*zip(*points, strict=True) if points else ([], []), marker=marker, s=18, label=label)
    memory.set(ylabel="memory, MB", title="Memory by program; grey: a fault", ylim=(0, None))
    recovery.set(xlabel="minutes", ylabel="seconds", title="Recovery", ylim=(0, None))
    memory.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    recovery.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=110)


def clock(at_s: float) -> str:
    """Minutes and seconds of a soak, ` 12:05`."""
    return f"{int(at_s) // 60:3d}:{int(at_s) % 60:02d}"
