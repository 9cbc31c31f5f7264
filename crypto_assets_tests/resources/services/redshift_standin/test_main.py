"""The stand-in as a program: it ends when it is told to, whatever its clients do, and says why it cannot begin."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.config import Settings, variables_of
from crypto_assets_tests.resources.services.redshift_standin.conftest import execute
from crypto_assets_tests.services import NAMED
from crypto_assets_tests.waiting import wait_for

PROGRAM = "resources.services.redshift_standin"


@pytest.fixture
def environment(live_settings: Settings, warehouse: str) -> dict[str, str]:
    """Variables of a stand-in of the session's warehouse."""
    others = {name: value for name, value in os.environ.items() if name.lower() not in NAMED}
    return others | variables_of(live_settings)


@pytest.fixture
def program(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running stand-in and its port."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", PROGRAM], env=environment, stderr=output)
    try:
        found = wait_for(
            lambda: re.search(r"listens on 127\.0\.0\.1:(\d+)", log.read_text()),
            until=lambda match: match is not None or process.poll() is not None,
            deadline_s=60,
        )
        assert found, log.read_text()
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()


def test_it_ends_when_it_is_told_to_though_clients_are_at_work(
    program: tuple[subprocess.Popen[bytes], int], warehouse: str, direct: Connection
) -> None:
    process, port = program
    parts = urlsplit(warehouse)
    url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()
    idle, working, sleeping = (psycopg2.connect(url) for _ in range(3))
    execute(working, "CREATE TABLE of_an_interrupted_client (n INT)")
    sleeper = threading.Thread(target=_sleep, args=(sleeping,))
    sleeper.start()
    pids = [each.info.backend_pid for each in (idle, working, sleeping)]
    asleep = f"SELECT wait_event FROM pg_stat_activity WHERE pid = {pids[2]}"
    wait_for(lambda: execute(direct, asleep), until=lambda rows: rows == [("PgSleep",)], deadline_s=60)

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    sleeper.join()
    with socket.socket(fileno=os.dup(idle.fileno())) as raw:
        assert b"terminating connection due to administrator command" in raw.recv(65_536)
    for client in (idle, working):
        with pytest.raises(psycopg2.OperationalError, match="server closed the connection"):
            execute(client, "SELECT 1")
    assert execute(direct, "SELECT to_regclass('public.of_an_interrupted_client')") == [(None,)]
    alive = f"SELECT pid FROM pg_stat_activity WHERE pid IN ({pids[0]}, {pids[1]}, {pids[2]})"
    wait_for(lambda: execute(direct, alive), until=lambda rows: rows == [], deadline_s=60)


def _sleep(client: Connection) -> None:
    with pytest.raises(psycopg2.OperationalError, match="server closed the connection"):
        execute(client, "SELECT pg_sleep(300)")


def test_a_port_that_is_taken_is_said(environment: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        command = [sys.executable, "-m", PROGRAM, f"--port={taken.getsockname()[1]}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Address already in use" in done.stderr
