"""Tags by which Dagster says which partitions a run is about, and the commands that start one about them.

A partition is named by its key: a day of a symbol, `2024-08-05|BTCUSDT`, or a day, `2024-08-05`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


def tags_of(first: str, last: str | None = None) -> dict[str, str]:
    """Tags of a run over one partition, or over all from `first` to `last`, both included."""
    return {PARTITION_TAG: first} if last is None else {RANGE_START_TAG: first, RANGE_END_TAG: last}


def ends_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """First and last partition that the tags of a run name, the same where it is one; None where they name none."""
    start = tags.get(PARTITION_TAG, tags.get(RANGE_START_TAG))
    end = tags.get(PARTITION_TAG, tags.get(RANGE_END_TAG))
    return None if start is None or end is None else (start, end)


def command_to_materialise(asset: str, partition: str) -> str:
    """What a message tells a person to run, for an asset of one partition."""
    return f"dagster asset materialize -m crypto_assets.definitions --select {asset} --partition '{partition}'"


def command_to_run(job: str, first: str, last: str | None = None) -> str:
    """What a message tells a person to run, for a job of one partition, or of all from `first` to `last`."""
    return f"dagster job execute -m crypto_assets.definitions -j {job} --tags '{json.dumps(tags_of(first, last))}'"
