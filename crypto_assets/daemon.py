"""Dagster's daemon and the code server that it asks: `python -m crypto_assets.daemon`, on DAGSTER_HOME."""

from __future__ import annotations

import os

from crypto_assets.code_server import code_server
from crypto_assets.serving import Program, serve


def main() -> None:
    """Run both until a signal or until one of the two ends; exit 1 in the latter case."""
    with code_server() as server:
        programs = [
            Program("the code server", server.command, is_ready=server.is_ready),
            Program("the daemon", server.client("dagster-daemon", "run")),
        ]
        serve(programs, environment=os.environ)


if __name__ == "__main__":
    main()
