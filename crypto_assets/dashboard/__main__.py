"""The dashboard in a browser, until Ctrl-C: `python -m crypto_assets.dashboard`."""

from __future__ import annotations

import os
import sys

from crypto_assets.config import variables_of
from crypto_assets.dashboard.flags import flags
from crypto_assets.serving import Program, answers, asked, serve

EVERY_ADDRESS = ("0.0.0.0", "")


def main() -> None:
    """Serve the pages until a signal, or until their server ends by itself; exit 1 in the latter case."""
    listening = "address to listen on; nobody is asked who they are"
    wanted = asked("dashboard", __doc__, port=8501, listening=listening)
    command = [sys.executable, "-m", "crypto_assets.dashboard.server", *flags(wanted.host, wanted.port)]
    log = wanted.settings.data_dir / "dashboard" / "output.log"
    # What listens on every address of a machine does so on its own.
    url = f"http://{'127.0.0.1' if wanted.host in EVERY_ADDRESS else wanted.host}:{wanted.port}"
    serve(
        [Program("the dashboard", command, log, answers(f"{url}/_stcore/health"))],
        environment={**os.environ, **variables_of(wanted.settings)},
        said=f"The dashboard is at {url} (Ctrl-C ends it). Log: {log}",
    )


if __name__ == "__main__":
    main()
