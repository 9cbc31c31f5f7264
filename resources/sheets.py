"""The spreadsheet that aggregates are shared in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from crypto_assets.config import read_settings
from crypto_assets.endpoints import SheetsEndpoint, sheets_endpoint
from resources.services.on_demand import ensure_services

if TYPE_CHECKING:
    from crypto_assets.share.spreadsheet import SharedSpreadsheet


class SheetsResource(dg.ConfigurableResource):
    """Hands out the spreadsheet of `GOOGLE_SHEETS_ID`, or that of the stand-in, started at its first use.

    The service account is that of `GOOGLE_SERVICE_ACCOUNT_JSON` or `GOOGLE_APPLICATION_CREDENTIALS`. It has no
    configuration of its own: what it would be given, Dagster would store and show.
    """

    @property
    def endpoint(self) -> SheetsEndpoint:
        """Where the spreadsheet is; raises ServiceFailed where the stand-in does not come up."""
        settings = read_settings()
        if settings.google_sheets_id is None:
            ensure_services(settings, ["sheets"])
        return sheets_endpoint(settings)

    def spreadsheet(self) -> SharedSpreadsheet:
        """The spreadsheet; raises ConfigurationError where there is no service account to open it with."""
        from crypto_assets.share.spreadsheet import open_spreadsheet

        return open_spreadsheet(self.endpoint)
