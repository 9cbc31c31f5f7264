"""The stand-in for Amazon Redshift as a service: PostgreSQL's database `warehouse` behind a small proxy."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2

from crypto_assets.endpoints import postgres_url, warehouse_url
from crypto_assets.errors import CryptoAssetsError, ServiceFailed
from crypto_assets.postgres.connection import connect
from resources.services.folder import ServiceFolder
from resources.services.postgres import SUPERUSER
from resources.services.process import Launch
from resources.services.redshift_standin.database import CLIENT, DATABASE, make_warehouse
from resources.services.service import HOST, Running, Service


class Redshift(Service):
    """Not Redshift: a server that takes the same SQL, known to `endpoints.warehouse_url`."""

    name = "redshift"
    needs = ("postgres", "s3")
    purposes = ("port",)
    named_by = "warehouse_url"
    endpoint = "redshift"

    def answers_elsewhere(self) -> bool:
        try:
            connect(warehouse_url(self.settings)).close()
        except CryptoAssetsError:
            return False
        return True

    def prepare(self) -> Iterator[str]:
        yield "making its database"
        passwords = {"owner_password": self.folder.secret("owner"), "client_password": self.folder.secret("password")}
        try:
            make_warehouse(self._administrator(), **passwords)
        except psycopg2.Error as error:
            raise ServiceFailed(
                f"its database {DATABASE} cannot be made: {str(error).strip()}. With POSTGRES_URL, its role has to be "
                "allowed CREATEDB and CREATEROLE; or name a warehouse in WAREHOUSE_URL."
            ) from error

    def launch(self, ports: Mapping[str, int]) -> Launch:
        command = (sys.executable, "-m", "resources.services.redshift_standin", f"--port={ports['port']}")
        return Launch(command, self.program_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        try:
            with closing(psycopg2.connect(self._url(running.ports), connect_timeout=2)):
                return True
        except psycopg2.Error:
            return False

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        return {"url": self._url(ports)}

    def address(self) -> str:
        address = super().address()
        return f"{address}/{DATABASE}, a stand-in on PostgreSQL" if address else ""

    def _url(self, ports: Mapping[str, int]) -> str:
        return f"postgresql://{CLIENT}:{self.folder.secret('password')}@{HOST}:{ports['port']}/{DATABASE}"

    def _administrator(self) -> str:
        """URL of a role that may make databases: the embedded server's own, or the one of POSTGRES_URL."""
        given = postgres_url(self.settings)
        if self.settings.postgres_url:
            return given
        parts = urlsplit(given)
        password = ServiceFolder.of(self.settings.data_dir, "postgres").secret("superuser")
        return parts._replace(
            netloc=f"{SUPERUSER}:{password}@{parts.hostname}:{parts.port}", path=f"/{SUPERUSER}"
        ).geturl()
