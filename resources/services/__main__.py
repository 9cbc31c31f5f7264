"""The embedded services: `python -m resources.services up|status|down|revive [names]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import cast

from rich.console import Console
from rich.markup import escape

from crypto_assets.config import read_settings
from crypto_assets.errors import ConfigurationError, ServiceFailed
from resources.services.board import Board, JarBar
from resources.services.manager import Services
from resources.services.report import silent_streams, status_table
from resources.services.service import ALWAYS, NAMES, Name

FILE_WIDTH = 160
INTERRUPTED = 130
"""What a shell takes for the end by Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; the status is 1 where a service failed, or for `status` where one is not well."""
    options = _parse(arguments)
    unnamed = ALWAYS if options.action == "up" else NAMES
    names = cast("list[Name]", options.names or list(unnamed))
    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal:
        out.width = FILE_WIDTH
    try:
        services = Services(read_settings())
        return {"up": _up, "status": _status, "down": _down, "revive": _revive}[options.action](services, names, out)
    except (ConfigurationError, ServiceFailed) as error:
        out.print(f"\n{escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        out.print("Interrupted. What was started runs on; `make down` stops it.")
        return INTERRUPTED


def _up(services: Services, names: Sequence[Name], out: Console) -> int:
    with suppress(ServiceFailed), JarBar(out) as bar:
        services.fetch_jars(names, progress=bar.tell)  # what fails here fails again, and is told, at its service
    with Board(out) as board:
        services.start(names, progress=board.tell)
    out.print(f"Data and logs: {services.settings.data_dir / 'services'}. `make status` shows what flows.")
    return 0


def _status(services: Services, names: Sequence[Name], out: Console) -> int:
    statuses = services.status(names)
    out.print(status_table(statuses, now=datetime.now(UTC)))
    well = all(status.is_well for status in statuses) and not silent_streams(statuses)
    return 0 if well else 1


def _down(services: Services, names: Sequence[Name], out: Console) -> int:
    with Board(out) as board:
        services.stop(names, progress=board.tell)
    return 0


def _revive(services: Services, names: Sequence[Name], out: Console) -> int:
    services.revive(names, progress=lambda name, doing: out.print(f"{name} {doing}"))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m resources.services", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for action, text in (
        ("up", "start what is down, and wait until it is ready"),
        ("status", "show how each service is; exit status 1 unless all are well"),
        ("down", "stop them; their data stays"),
        ("revive", "start again what ended by itself, and nothing that was stopped"),
    ):
        added = actions.add_parser(action, help=text, description=text)
        added.add_argument("names", nargs="*", type=_name, metavar="name", help=f"of {', '.join(NAMES)}")
    return parser.parse_args(arguments)


def _name(text: str) -> str:
    if text not in NAMES:
        raise argparse.ArgumentTypeError(f"there is no service {text!r}, but {', '.join(NAMES)}")
    return text


if __name__ == "__main__":
    sys.exit(main())
