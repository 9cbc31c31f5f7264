"""Jobs: what can be started by name. Assets of one layer are selected with `dagster asset materialize --select`."""

from __future__ import annotations

import dagster as dg

from crypto_assets.schemas import BRONZE_TRADES

CANDLES_TO_FEATURES = dg.AssetSelection.groups("bronze", "silver", "gold") - dg.AssetSelection.assets(
    BRONZE_TRADES.name
)
"""Everything that a day of features needs. Trades are not: nothing reads them yet, and they are the largest by far."""


MEDALLION = dg.define_asset_job(
    "medallion",
    selection=CANDLES_TO_FEATURES,
    description=(
        "From the exchange to features: bronze, silver and gold of a day of a symbol, or of a range of days, with "
        "every check. The tag dagster/partition names a day, dagster/asset_partition_range_start and _end a range."
    ),
)
