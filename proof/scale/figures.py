"""A table for people, and the same as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

WIDTH_OF_FILES = 140


class Figure(msgspec.Struct, frozen=True):
    """A line: one thing, measured under each of some circumstances."""

    what: str
    values: dict[str, float | str]
    """By circumstance; what was not measured under one is not there."""
    unit: str = ""


def publish(name: str, title: str, figures: Sequence[Figure], measured: object, *, folder: Path) -> None:
    """Print the table; put it and all that was measured into `<folder>/<name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode({"title": title, "figures": figures, "measured": measured}))
    (folder / f"{name}.json").write_bytes(text)
    columns = list(dict.fromkeys(column for figure in figures for column in figure.values))
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("")
    for figure in figures:
        table.add_row(figure.what, *(_shown(figure.values.get(column, "")) for column in columns), figure.unit)
    Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES).print(table)


def _shown(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.3g}"
