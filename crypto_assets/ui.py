"""Dagster's web server and daemon (unless that of `make up` runs), until Ctrl-C: `python -m crypto_assets.ui`."""

from __future__ import annotations

import os

from crypto_assets.code_server import code_server
from crypto_assets.dagster_home import prepare_dagster_home, running_daemon
from crypto_assets.serving import Program, answers, asked, serve


def main() -> None:
    """Serve the page until a signal or until one of the programs ends; exit 1 in the latter case.

    Where a daemon works on the DAGSTER_HOME already, that of `make up`, only the web server is started.
    """
    wanted = asked("ui", __doc__, port=3000)
    home = prepare_dagster_home(wanted.settings.data_dir, environment=os.environ)
    page = f"http://{wanted.host}:{wanted.port}"
    said = f"The graph is at {page} (Ctrl-C ends it). Runs: {home}"
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DATA_DIR": str(wanted.settings.data_dir)}
    output = home / "output"
    with code_server() as server:
        programs = [Program("code server", server.command, output / "code_server.log", server.is_ready)]
        if running_daemon(home) is None:
            programs.append(Program("daemon", server.client("dagster-daemon", "run"), output / "daemon.log"))
        else:
            said += "\nThe daemon of `make up` looks at schedules and sensors; `make down` ends it."
        webserver = server.client("dagster-webserver", "-h", wanted.host, "-p", str(wanted.port))
        programs.append(Program("webserver", webserver, output / "webserver.log", answers(f"{page}/server_info")))
        serve(programs, environment=environment, said=said)


if __name__ == "__main__":
    main()
