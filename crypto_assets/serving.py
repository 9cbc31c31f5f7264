"""Programs that serve pages as long as a person wants them: their options, their port, and their end."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from crypto_assets.config import Settings, read_settings
from crypto_assets.dagster_home import PROJECT
from crypto_assets.errors import ConfigurationError
from crypto_assets.ports import draw_port
from crypto_assets.processes import end_children, end_on_signals, start_child

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Program:
    """What serves, or is needed beside it."""

    name: str
    command: Sequence[str]
    log: Path | None = None
    """Its output is appended to it; None: it goes where that of this program goes."""
    is_ready: Callable[[], bool] = lambda: True
    """Whether what is started after it may be."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for."""

    host: str
    port: int
    """A free one where 0 was asked for."""
    settings: Settings


def asked(target: str, description: str | None, *, port: int, listening: str = "address to listen on") -> Asked:
    """Host and port of the command line, and the settings; ends the program with a sentence where they cannot be used.

    `target` is the one of make that starts the program; `listening` is said of the host.
    """
    parser = argparse.ArgumentParser(prog=f"make {target} ARGS='…'", description=description)
    parser.add_argument("--host", default="127.0.0.1", help=listening)
    parser.add_argument("--port", type=int, default=port, help="port to listen on; 0 takes a free one")
    options = parser.parse_args()
    try:
        settings = read_settings()
    except ConfigurationError as error:
        sys.exit(str(error))
    return Asked(options.host, _port(options.host, wanted=options.port, target=target), settings)


def answers(url: str) -> Callable[[], bool]:
    """Asks whether an address answers well."""

    def ask() -> bool:
        try:
            return httpx.get(url).is_success
        except httpx.TransportError:
            return False  # not listening yet

    return ask


def serve(programs: Sequence[Program], *, environment: Mapping[str, str], said: str = "") -> None:
    """Start the programs, each once the one before is ready, say so, and run them until a signal.

    Ends with exit status 1 and the place of the reason where one of them ends by itself. None is left then.
    """
    end_on_signals()
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for each in programs:
            running[each.name] = start_child(each.command, environment=environment, folder=PROJECT, log=each.log)
            while (ended := _ended(running)) is None and not each.is_ready():
                time.sleep(POLL_S)
            if ended:
                break
        else:
            if said:
                print(said, flush=True)
        while (ended := _ended(running)) is None:
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        return
    finally:
        end_children(running.values())
    log = next(each.log for each in programs if each.name == ended)
    sys.exit(f"{ended} ended; the reason is {f'in {log}' if log else 'above'}")


def _port(host: str, *, wanted: int, target: str) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            sys.exit(f"{host}:{wanted} cannot be listened on: {reason}. Try: make {target} ARGS='--port 0'")
    return wanted or draw_port(host=host)


def _ended(running: Mapping[str, subprocess.Popen[bytes]]) -> str | None:
    return next((name for name, program in running.items() if program.poll() is not None), None)
