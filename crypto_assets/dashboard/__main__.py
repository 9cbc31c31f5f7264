"""The dashboard in a browser, until Ctrl-C: `python -m crypto_assets.dashboard`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from crypto_assets.config import read_settings, variables_of
from crypto_assets.dagster_home import PROJECT
from crypto_assets.dashboard.flags import flags
from crypto_assets.errors import ConfigurationError
from crypto_assets.processes import end_children, end_on_signals, start_child
from crypto_assets.serving import port_to_serve, wait_until_served


def main() -> None:
    """Serve the pages until a signal, or until their server ends by itself; exit 1 in the latter case."""
    options = _parse_arguments()
    try:
        settings = read_settings()
    except ConfigurationError as error:
        sys.exit(str(error))
    port = port_to_serve(options.host, wanted=options.port, target="dashboard")
    log = settings.data_dir / "dashboard" / "output.log"
    end_on_signals()
    server = _start(options.host, port, environment={**os.environ, **variables_of(settings)}, log=log)
    url = f"http://{_reachable(options.host)}:{port}"
    try:
        if wait_until_served(f"{url}/_stcore/health", ended=lambda: None if server.poll() is None else "it") is None:
            print(f"The dashboard is at {url} (Ctrl-C ends it). Log: {log}", flush=True)
            server.wait()
    except KeyboardInterrupt:
        return
    finally:
        end_children([server])
    sys.exit(f"the dashboard ended; the reason is in {log}")


def _start(host: str, port: int, *, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "crypto_assets.dashboard.server", *flags(host, port)]
    return start_child(command, environment=environment, folder=PROJECT, log=log)


def _reachable(host: str) -> str:
    """An address to type for one to listen on: every address of a machine is also its own."""
    return "127.0.0.1" if host in ("0.0.0.0", "") else host


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make dashboard ARGS='…'", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; nobody is asked who they are")
    parser.add_argument("--port", type=int, default=8501, help="port to listen on; 0 takes a free one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
