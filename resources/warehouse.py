"""Redshift and the warehouse's files on S3, as assets are handed them."""

from __future__ import annotations

import logging
import threading
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn
from pydantic import PrivateAttr

from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import S3Endpoint, s3_endpoint, warehouse_s3_uri, warehouse_url
from crypto_assets.errors import ConfigurationError
from crypto_assets.warehouse.load import RedshiftClient
from crypto_assets.warehouse.store import WarehouseStore
from resources.services.on_demand import ensure_services
from resources.services.redshift_standin.database import STAND_IN_ROLE
from resources.services.service import Name

if TYPE_CHECKING:
    from dagster_aws.redshift import RedshiftClientResource

PORT = 5439
"""Redshift's own."""
CONNECT_TIMEOUT_S = 10

_starting = threading.Lock()


class WarehouseResource(dg.ConfigurableResource):
    """Hands out Redshift and the store of its Parquet files, or the stand-ins of both, started at their first use.

    It has no configuration of its own: what it would be given, Dagster would store and show.
    """

    _log: logging.Logger | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """What is started is told in the log of the run."""
        self._log = context.log

    @property
    def store(self) -> WarehouseStore:
        """Days of tables at `WAREHOUSE_S3_URI`; raises ServiceFailed where the embedded S3 does not come up."""
        settings = read_settings()
        if settings.warehouse_s3_uri is None:
            self._start(settings, "s3")
        return _store(warehouse_s3_uri(settings), s3_endpoint(settings))

    @property
    def role(self) -> str:
        """Role that COPY assumes to read the files; raises ConfigurationError where Redshift is named without one."""
        settings = read_settings()
        if settings.redshift_iam_role:
            return settings.redshift_iam_role
        if settings.warehouse_url is None:
            return STAND_IN_ROLE
        raise ConfigurationError(
            "REDSHIFT_IAM_ROLE is not set, and COPY needs a role to read S3. Give the ARN of one that the cluster may "
            "assume, or `default` for the cluster's own."
        )

    def redshift(self) -> RedshiftClient:
        """The client of dagster-aws for `WAREHOUSE_URL`; raises ConfigurationError where that is no URL."""
        settings = read_settings()
        if settings.warehouse_url is None:
            self._start(settings, "redshift")
        return redshift_resource(warehouse_url(settings), embedded=settings.warehouse_url is None).get_client()

    def _start(self, settings: Settings, name: Name) -> None:
        with _starting:  # days are written by several threads
            ensure_services(settings, [name], tell=self._tell)

    def _tell(self, line: str) -> None:
        if self._log is not None:
            self._log.info("%s", line)


def redshift_resource(url: str, *, embedded: bool = False) -> RedshiftClientResource:
    """The resource of dagster-aws for a URL `postgresql://user:password@host:5439/database`.

    Encrypted unless the URL's `sslmode` says otherwise, or it is the stand-in's, which listens on this machine only.
    """
    from dagster_aws.redshift import RedshiftClientResource  # half a second of components that nobody uses

    try:
        parts = parse_dsn(url)
        port = int(parts.get("port", PORT))
    except (ProgrammingError, ValueError):
        raise ConfigurationError(
            "WAREHOUSE_URL cannot be read. Write it as postgresql://user:password@host:5439/database, with every "
            "special character of the password as %XX."
        ) from None
    return RedshiftClientResource(
        host=parts.get("host", "localhost"),
        port=port,
        user=parts.get("user"),
        password=parts.get("password"),
        database=parts.get("dbname"),
        connect_timeout=CONNECT_TIMEOUT_S,
        sslmode=parts.get("sslmode", "disable" if embedded else "require"),
    )


@cache
def _store(uri: str, endpoint: S3Endpoint) -> WarehouseStore:
    """One connection for all of this process."""
    return WarehouseStore(uri, storage_options=endpoint.storage_options)
