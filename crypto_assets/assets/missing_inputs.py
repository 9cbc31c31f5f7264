"""What an asset says whose input is not there."""

from __future__ import annotations

from crypto_assets.errors import InputIncomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition
from crypto_assets.run_tags import command_to_materialise
from crypto_assets.schemas import Dataset


def never_materialised(asset: str, partition: Partition, *, missing: str) -> InputIncomplete:
    """The error of an asset whose input was never materialised for the day; it says what to run."""
    return InputIncomplete(
        f"{asset} {partition}: {missing} was never materialised for this day; the former {asset} stays. "
        f"Run: {command_to_materialise(missing, partition.key)}"
    )


def without_bronze(lake: Lake, asset: str, partition: Partition, *, missing: Dataset) -> InputIncomplete:
    """The error of an asset whose bronze is not there: never made, or deleted by retention."""
    retired = lake.retired(missing, partition.symbol, partition.day)
    if retired is None:
        return never_materialised(asset, partition, missing=missing.name)
    return InputIncomplete(
        f"{asset} {partition}: {missing.name} of this day was deleted by retention on {retired.at:%Y-%m-%d}, once "
        f"{asset} was made from it and verified. The former {asset} stays; there is nothing to do. To make it anew, "
        f"materialise {missing.name} first, as far as archive and captures still give the day."
    )
