"""How commands speak: data on standard output, all else on standard error, a sentence for a mistake, an exit status."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit statuses; 0 is a success. 130 is what a shell takes for the end by Ctrl-C."""
FILE_WIDTH = 100_000
"""Of a table that is written to a file or a pipe: nothing is cut there."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON: times as ISO 8601 UTC, exact decimals as text.")]


def told[**P](command: Callable[P, None]) -> Callable[P, None]:
    """The command, which ends with a sentence and a status where it raises what is meant for people."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        from crypto_assets.errors import BadQuestion, CryptoAssetsError

        try:
            command(*arguments, **options)
        except BadQuestion as error:
            end(str(error), status=MISUSED)
        except CryptoAssetsError as error:
            end(str(error), status=FAILED)
        except BrokenPipeError:  # who read our output has enough of it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            end("Interrupted. What was written stays; a repeat goes on from there.", status=INTERRUPTED)

    return run


def end(sentence: str, *, status: int) -> None:
    """Say it on standard error and end the command with this status."""
    typer.echo(sentence, err=True)
    raise typer.Exit(status)


def print_json(value: object) -> None:
    """The value as indented JSON; what is no number is null."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def console() -> Console:
    """Standard output for tables and colours; without either where it is no terminal."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal:
        out.width = FILE_WIDTH
    return out


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = ()) -> None:
    """A table for people, `numbers` to the right; nothing in it is taken for markup."""
    from rich.table import Table
    from rich.text import Text

    table, right = Table(box=None, pad_edge=False, header_style="bold"), set(numbers)
    for name in columns:
        table.add_column(Text(name), justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


@contextmanager
def progress(what: str, *, total: int) -> Generator[Callable[[], Any]]:
    """A bar on standard error while the context lasts, if that is a terminal; what is yielded advances it by one."""
    from rich.console import Console
    from rich.progress import Progress

    err = Console(stderr=True)
    with Progress(console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
