"""Commands that are programs of the project: started as they are, with the arguments given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from crypto_assets.cli.telling import Json, print_json, told

PROGRAMS = {
    "demo": ("crypto_assets.demo", "Make three simulated symbols from raw files to features, facts and a forecast."),
    "ui": ("crypto_assets.ui", "Serve Dagster's page of the asset graph until Ctrl-C."),
    "dashboard": (
        "crypto_assets.dashboard",
        "Serve the dashboard until Ctrl-C: market, forecast, features and health in a browser.",
    ),
    "simulate": (
        "crypto_assets.simulator",
        "Serve a simulated exchange, or recorded files like one, until Ctrl-C; prints its address.",
    ),
}
"""The module of each program, and what it does."""

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Services, such as kafka; without, all that it is about.")
]


def add_programs(app: typer.Typer) -> None:
    """Give the app a command for each program; what an option means, and --help too, is the program's to say."""
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    for name, (module, says) in PROGRAMS.items():
        app.command(name, help=says, context_settings=passed_on, add_help_option=False)(_becoming(module))


def _becoming(module: str) -> Callable[[typer.Context], None]:
    """What goes on as this program: its signals, its output and its exit status are those of the command."""

    def become(context: typer.Context) -> None:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", module, *context.args])

    return become


@told
def up(names: Names = None) -> None:
    """Start the embedded services and the live streams; what runs already stays."""
    _services("up", names)


@told
def down(names: Names = None) -> None:
    """Stop the embedded services; their data stays."""
    _services("down", names)


@told
def status(names: Names = None, as_json: Json = False) -> None:
    """Show how each service is and how each stream flows; exit status 1 unless all is well."""
    if not as_json:
        _services("status", names)
        return
    from crypto_assets.config import read_settings
    from crypto_assets.errors import BadQuestion
    from resources.services.manager import Services
    from resources.services.report import silent_streams
    from resources.services.service import NAMES, Name

    wanted: list[Name] = [name for name in NAMES if not names or name in names]
    if unknown := set(names or ()) - set(NAMES):
        raise BadQuestion(f"There is no service {', '.join(sorted(unknown))}, but {', '.join(NAMES)}.")
    statuses = Services(read_settings()).status(wanted)
    print_json([{**asdict(status), "is_well": status.is_well} for status in statuses])
    if silent_streams(statuses) or not all(status.is_well for status in statuses):
        raise typer.Exit(1)


def _services(action: str, names: list[str] | None) -> None:
    from resources.services.__main__ import main

    raise typer.Exit(main([action, *(names or ())]))
