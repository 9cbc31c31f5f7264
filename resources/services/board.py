"""Start and stop as they happen: a line for each service, on a terminal in place."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from resources.services.jars import Group
from resources.services.service import Name

SETTLED = ("ready", "not started", "failed", "stopped")


class Board:
    """What each service does now; where output is no terminal, a line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin = time.monotonic()
        self._doing: dict[Name, tuple[str, float]] = {}
        self._spinner = Spinner("dots")
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal else None

    def __enter__(self) -> Board:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def tell(self, name: Name, doing: str) -> None:
        """Take note of what a service does."""
        if self._doing.get(name, ("",))[0] == doing:
            return
        self._doing[name] = (doing, time.monotonic() - self._begin)
        if self._live:
            self._live.update(self._table())
        else:
            self._console.print(f"{name:<10} {escape(doing)}{self._seconds(name)}")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for name, (doing, _) in self._doing.items():
            settled = doing.startswith(SETTLED)
            colour = "red" if doing.startswith("failed") else "green" if doing.startswith("ready") else ""
            mark = Text("✗" if colour == "red" else "✓" if settled else "") if settled else self._spinner
            table.add_row(mark, name, Text(f"{doing}{self._seconds(name)}", style=colour))
        return table

    def _seconds(self, name: Name) -> str:
        doing, seconds = self._doing[name]
        return f"  {seconds:.1f} s" if doing.startswith(SETTLED) else ""


class JarBar:
    """A bar for the download of jars; it shows only when one has to be fetched."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[Group, object] = {}

    def __enter__(self) -> JarBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tell(self, group: Group, done: int, total: int) -> None:
        """Take note of how many jars of a group are there."""
        self._progress.start()
        if group not in self._tasks:
            self._tasks[group] = self._progress.add_task(f"fetching jars of {group}", total=total)
        self._progress.update(self._tasks[group], completed=done)  # pyright: ignore[reportArgumentType]
