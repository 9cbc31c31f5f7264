"""The landing zone that assets are handed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import dagster as dg

from crypto_assets.archive.landing import Landing
from crypto_assets.config import read_settings
from crypto_assets.endpoints import landing_uri
from resources.services.on_demand import ensure_services


class LandingResource(dg.ConfigurableResource):
    """Hands out the landing zone on HDFS: that of LANDING_URI, else an embedded HDFS, started at the first use."""

    replication: int | None = None
    """Copies of each block; None leaves it to the NameNode's own default."""

    def open(self, *, tell: Callable[[str], None] = lambda _: None) -> Landing:
        """The landing zone, one connection for all of this process.

        `tell` is told of a start. Raises ServiceFailed, ServiceUnavailable or ConfigurationError with what to do.
        """
        settings = read_settings()
        if settings.landing_uri is None:
            ensure_services(settings, ("namenode", "datanode"), tell=tell)
        return _landing(landing_uri(settings), self.replication)


@cache
def _landing(uri: str, replication: int | None) -> Landing:
    return Landing(uri, replication=replication)
