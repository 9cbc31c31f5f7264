"""The landing zone that assets are handed."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from crypto_assets.archive.landing import Landing
from crypto_assets.config import read_settings
from crypto_assets.endpoints import landing_uri
from resources.services.on_demand import ensure_services


class LandingResource(dg.ConfigurableResource):
    """Hands out the landing zone on HDFS: that of LANDING_URI, else an embedded HDFS, started at the first use."""

    def open(self, *, tell: Callable[[str], None] = lambda _: None) -> Landing:
        """The landing zone, with as many copies as LANDING_REPLICATION says.

        `tell` is told of a start. Raises ServiceFailed or ConfigurationError with what to do.
        """
        settings = read_settings()
        if settings.landing_uri is None:
            ensure_services(settings, ("namenode", "datanode"), tell=tell)
        return Landing(landing_uri(settings), replication=settings.landing_replication)
