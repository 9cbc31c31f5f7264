"""Tags by which Dagster says which partitions a run is about."""

from __future__ import annotations

from collections.abc import Mapping

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


def ends_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """First and last partition that the tags of a run name, the same where it is one; None where they name none."""
    start = tags.get(PARTITION_TAG, tags.get(RANGE_START_TAG))
    end = tags.get(PARTITION_TAG, tags.get(RANGE_END_TAG))
    return None if start is None or end is None else (start, end)
