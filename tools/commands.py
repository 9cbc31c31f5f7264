"""`docs/cli.md`: what each command takes, written from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import fill
from typing import Any

import typer

from crypto_assets.cli.main import app
from crypto_assets.cli.programs import PROGRAMS

NAME = "crypto-assets"
WIDTH = 120
_KIND = re.compile(r" <[^>]*>$")
HEAD = """# Command line

Written by `make docs` from `crypto_assets/cli/`.

    crypto-assets COMMAND …

`make env` installs it into `.venv/bin`; `crypto-assets --install-completion` lets the shell complete its commands and
options. It reads the variables and the `.env` that everything else reads.

| status | |
|--:|---|
| 0 | done |
| 1 | failed: a run, a service, a check of `doctor` or `status`; a sentence on standard error says why and what to do |
| 2 | what was typed cannot be: an option, a symbol, a day, a query |
| 130 | ended by Ctrl-C; what was written stays |

Data goes to standard output, all else to standard error. `--json` prints the data for programs: times as ISO 8601 UTC,
exact decimals as text, what is no number as null. Progress bars are shown on a terminal only. Days are UTC, and `FROM`
and `TO` are both included.
"""


def commands_page() -> str:
    """The page in Markdown: a section for each command with its usage, what it does, and its arguments."""
    lines = [HEAD]
    for name, command in _commands(typer.main.get_command(app), prefix=""):
        lines += _section(name, command)
    return "\n".join(lines).rstrip() + "\n"


def _commands(group: Any, *, prefix: str) -> Iterator[tuple[str, Any]]:
    """Names such as `model show` with their commands, in the order of the help."""
    for name, command in group.commands.items():
        full = f"{prefix}{name}"
        if hasattr(command, "commands"):
            yield from _commands(command, prefix=f"{full} ")
        else:
            yield full, command


def _section(name: str, command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=f"{NAME} {name}")
    program, _ = PROGRAMS.get(name, ("", ""))
    usage = "…" if program else " ".join(piece.strip("{}") for piece in command.collect_usage_pieces(context))
    yield f"## {name}"
    yield ""
    yield f"    {NAME} {name} {usage}"
    yield ""
    yield from (fill(" ".join(part.split()), WIDTH) + "\n" for part in (command.help or "").split("\n\n"))
    if program:
        yield f"It is `python -m {program}`, and takes its arguments: `{NAME} {name} --help` lists them.\n"
        return
    records = [parameter.get_help_record(context) for parameter in command.params]
    if rows := [record for record in records if record is not None]:
        yield "| | |"
        yield "|---|---|"
        for left, right in rows:
            bare = _KIND.sub("", left) if not left.startswith("-") else left
            yield f"| `{bare.replace('|', ' \\| ')}` | {right.replace('|', '\\|').replace('  [', ' [')} |"
        yield ""
