"""What the demo says at its end: what lies where, what the checks found, where to look next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crypto_assets.demo.tally import SYSTEMS
from crypto_assets.lake.lake import Lake
from crypto_assets.runs.events import Checked, Held
from crypto_assets.schemas import Dataset


@dataclass(frozen=True, slots=True)
class Holding:
    """What the lake holds of one dataset, over some symbols and days."""

    dataset: str
    partitions: int
    rows: int
    bytes: int
    place: str
    """Where its days lie in the lake, with `…` for symbol=…/date=…"""


def holdings(lake: Lake, datasets: Iterable[Dataset], *, symbols: Sequence[str], days: Sequence[date]) -> list[Holding]:
    """One entry for each dataset that has a day of the span, counted from the lake's files."""
    held = [_holding(lake, dataset, symbols=symbols, days=days) for dataset in datasets]
    return [holding for holding in held if holding.partitions]


def _holding(lake: Lake, dataset: Dataset, *, symbols: Sequence[str], days: Sequence[date]) -> Holding:
    sizes = [size for symbol in symbols for day in days if (size := _size(lake, dataset, symbol, day)) is not None]
    return Holding(
        dataset=dataset.name,
        partitions=len(sizes),
        rows=sum(rows for rows, _ in sizes),
        bytes=sum(size for _, size in sizes),
        place=f"{dataset.folder}/{dataset.file or ''}".replace("symbol={symbol}/date={day}", "…"),
    )


def _size(lake: Lake, dataset: Dataset, symbol: str, day: date) -> tuple[int, int] | None:
    """Rows and bytes of a day; None where it was never published."""
    if dataset.file is None:
        manifest = lake.manifest(dataset, symbol, day)
        return None if manifest is None else (manifest.rows, manifest.bytes)
    size = lake.files.size(dataset.partition_path(symbol, day))
    table = lake.read(dataset, symbol, day, columns=[dataset.time_column])
    return None if size is None or table is None else (table.num_rows, size)


def print_holdings(console: Console, found: Iterable[Holding], *, lake: str) -> None:
    """A table with a line for each dataset."""
    table = Table(title=f"In {lake} (… is symbol=…/date=…)", title_justify="left", box=None, pad_edge=False)
    table.add_column("dataset")
    for name in ("days", "rows", "size"):
        table.add_column(name, justify="right")
    table.add_column("where", overflow="fold")
    for holding in found:
        table.add_row(
            holding.dataset,
            f"{holding.partitions:,}",
            f"{holding.rows:,}",
            f"{holding.bytes / 1e6:,.1f} MB",
            holding.place,
        )
    console.print(table)


FIGURES: tuple[tuple[str, Callable[[Held], str]], ...] = (
    ("trades", lambda held: f"{held.trades:,}"),
    ("volume", lambda held: f"{held.volume.normalize():,f}"),
    ("minutes", lambda held: f"{held.minutes:,}"),
    ("last price", lambda held: f"{held.close.normalize():,f}"),
)
"""What has to be the same in every system."""


def unequal(found: Sequence[Held], *, symbols: Sequence[str]) -> list[str]:
    """A sentence for each figure in which systems differ, and for each system that lacks a symbol."""
    sentences: list[str] = []
    for symbol in symbols:
        held = {one.system: one for one in found if one.symbol == symbol}
        sentences += [f"{symbol}: {system} has nothing of the day" for system in SYSTEMS if system not in held]
        for name, figure in FIGURES:
            values = {system: figure(one) for system, one in held.items()}
            if len(set(values.values())) > 1:
                sentences.append(f"{symbol}: {name} differ: {', '.join(f'{s} {v}' for s, v in values.items())}")
    return sentences


def print_held(console: Console, found: Sequence[Held], *, symbols: Sequence[str], day: date) -> None:
    """A line for each figure of a symbol, a column for each system."""
    table = Table(title=f"{day} in each system", title_justify="left", box=None, pad_edge=False)
    for name in ("symbol", ""):
        table.add_column(name)
    for system in SYSTEMS:
        table.add_column(system, justify="right")
    table.add_column("")
    for symbol in symbols:
        held = {one.system: one for one in found if one.symbol == symbol}
        rows = [f"{held[system].rows:,}" if system in held else "–" for system in SYSTEMS]
        table.add_row(symbol, "rows", *rows, style="dim")
        for name, figure in FIGURES:
            values = [figure(held[system]) if system in held else "–" for system in SYSTEMS]
            table.add_row("", name, *values, "equal" if len(set(values)) == 1 else "[red]not equal[/red]")
    console.print(table)


def print_checks(console: Console, checks: Sequence[Checked]) -> None:
    """How many checks passed, and each kind that did not with how often and one of its sentences."""
    passed = sum(check.passed for check in checks)
    console.print(f"Checks: {passed} of {len(checks)} passed")
    unhappy = [check for check in checks if not check.passed]
    counts = Counter((check.asset, check.check, check.is_error) for check in unhappy)
    sentences = {(check.asset, check.check, check.is_error): check.sentence for check in unhappy}
    for key, count in counts.items():
        asset, name, is_error = key
        console.print(
            f"  {'ERROR' if is_error else 'warning'} {asset}: {name}, {count}×: {sentences[key]}", markup=False
        )


def print_next_steps(console: Console, *, picture: Path | None) -> None:
    """Where the picture lies, and the command that shows the rest."""
    if picture is not None:
        console.print(f"Picture of one day: {picture}", soft_wrap=True)
    console.print("Lineage, checks, plots and backfills: make ui, then http://127.0.0.1:3000", soft_wrap=True)
