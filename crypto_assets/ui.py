"""Dagster's web server and daemon (unless that of `make up` runs), until Ctrl-C: `python -m crypto_assets.ui`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from crypto_assets.config import read_settings
from crypto_assets.dagster_home import PROJECT, prepare_dagster_home, program, running_daemon
from crypto_assets.errors import ConfigurationError
from crypto_assets.processes import end_children, end_on_signals, start_child
from crypto_assets.serving import port_to_serve, wait_until_served

POLL_S = 0.2


def main() -> None:
    """Serve the page until a signal or until one of the two programs ends; exit 1 in the latter case."""
    options = _parse_arguments()
    try:
        settings = read_settings()
    except ConfigurationError as error:
        sys.exit(str(error))
    home = prepare_dagster_home(settings.data_dir, environment=os.environ)
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DATA_DIR": str(settings.data_dir)}
    port = port_to_serve(options.host, wanted=options.port, target="ui")
    end_on_signals()
    with serve(host=options.host, port=port, environment=environment, logs=home / "output") as programs:
        try:
            page = f"http://{options.host}:{port}"
            ended = wait_until_served(f"{page}/server_info", ended=lambda: _ended(programs))
            if ended is None:
                print(f"The graph is at {page} (Ctrl-C ends it). Runs: {home}", flush=True)
                if "daemon" not in programs:
                    print("The daemon of `make up` looks at schedules and sensors; `make down` ends it.", flush=True)
                ended = _wait_for_an_end(programs)
        except KeyboardInterrupt:
            return
    sys.exit(f"{ended} ended; the reason is in {home / 'output' / ended}.log")


@contextmanager
def serve(
    *, host: str, port: int, environment: Mapping[str, str], logs: Path
) -> Generator[dict[str, subprocess.Popen[bytes]]]:
    """Web server and daemon by name while the context lasts; their output goes to a file each in `logs`.

    Where a daemon works on the DAGSTER_HOME already, that of `make up`, only the web server is started.
    """
    commands = {"webserver": program("dagster-webserver", "-h", host, "-p", str(port))}
    if running_daemon(Path(environment["DAGSTER_HOME"])) is None:
        commands["daemon"] = program("dagster-daemon", "run")
    programs: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            programs[name] = start_child(command, environment=environment, folder=PROJECT, log=logs / f"{name}.log")
        yield programs
    finally:
        end_children(programs.values())


def _wait_for_an_end(programs: Mapping[str, subprocess.Popen[bytes]]) -> str:
    while (ended := _ended(programs)) is None:
        time.sleep(POLL_S)
    return ended


def _ended(programs: Mapping[str, subprocess.Popen[bytes]]) -> str | None:
    return next((name for name, program in programs.items() if program.poll() is not None), None)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make ui ARGS='…'", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on; 0 takes a free one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
