"""The one process that imports the graph for all of Dagster's programs that are started together.

Led by `workspace.yaml` each of them would start one for itself, and the daemon another one every minute.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from crypto_assets.dagster_home import PROJECT

LOCATION = "crypto_assets"
"""As `workspace.yaml` calls the code location: Dagster keeps the state of schedules and sensors by this name."""


@dataclass(frozen=True, slots=True)
class CodeServer:
    """Where it listens, and how it and its clients are started."""

    socket: Path
    workspace: Path

    @property
    def command(self) -> list[str]:
        """Starts it. *Reload* on Dagster's page lets it import the graph anew; runs in hand keep the former one."""
        module = ("--module-name", "crypto_assets.definitions", "--working-directory", str(PROJECT))
        place = ("--socket", str(self.socket), "--location-name", LOCATION)
        return [_path("dagster"), "code-server", "start", *place, *module]

    def is_ready(self) -> bool:
        """Whether it has the graph and accepts connections."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def client(self, name: str, *arguments: str) -> list[str]:
        """Starts another of Dagster's programs, which asks this one for the graph."""
        return [_path(name), *arguments, "--workspace", str(self.workspace)]


@contextmanager
def code_server() -> Generator[CodeServer]:
    """Prepares one; its folder is gone after the context, and a temporary one: the path of a socket has to be short."""
    with tempfile.TemporaryDirectory(prefix="crypto-assets-") as folder:
        server = CodeServer(Path(folder, "socket"), Path(folder, "workspace.yaml"))
        origin = {"socket": str(server.socket), "location_name": LOCATION}
        server.workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": origin}]}), encoding="utf-8")
        yield server


def _path(program: str) -> str:
    return str(Path(sys.executable).with_name(program))
