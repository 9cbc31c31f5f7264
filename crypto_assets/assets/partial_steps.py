"""Steps that wrote some days of a run and not others, and the steps after them, which go on with those."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from crypto_assets.errors import CryptoAssetsError, WarehouseError
from crypto_assets.partitions import WholeDay

RECORDED_ALREADY = "__source_asset_observation__"
"""Makes Dagster record nothing for an output. Without it a step over a range that succeeds has written all of its days,
and one that does not lets no other step follow: Dagster knows nothing in between. A test tells where it is gone."""


def followers(context: dg.AssetExecutionContext) -> set[dg.AssetKey]:
    """Assets that this run writes and that read the one of this step."""
    layer = context.job_def.asset_layer
    return set(layer.asset_graph.get(context.asset_key).child_keys) & set(layer.executable_asset_keys)


def days_lost_before(
    context: dg.AssetExecutionContext, partitions: Sequence[WholeDay]
) -> dict[WholeDay, CryptoAssetsError]:
    """Days of which this run was to write an input of this step and did not, each with what to say of it."""
    layer = context.job_def.asset_layer
    inputs = set(layer.asset_graph.get(context.asset_key).parent_keys) & set(layer.executable_asset_keys)
    lost: dict[WholeDay, CryptoAssetsError] = {}
    if len(partitions) == 1:
        return lost  # the step before failed, and this one would not run
    for key in sorted(inputs):
        written = _written_by(context, key, partitions)
        for day in partitions:
            if day.key not in written and written:
                name = key.to_user_string()
                lost.setdefault(
                    day,
                    WarehouseError(
                        f"{name} of the day failed in this run, which says why in its step. What was there stays."
                    ),
                )
    return lost


def only_what_was_recorded() -> dg.MaterializeResult:
    """The end of a step that has recorded the days that it wrote, and stands for no others."""
    return dg.MaterializeResult(metadata={RECORDED_ALREADY: True})


def _written_by(context: dg.AssetExecutionContext, key: dg.AssetKey, partitions: Sequence[WholeDay]) -> set[str]:
    """Days of an asset that this run recorded; none of an asset that has other partitions."""
    wanted = dg.AssetRecordsFilter(key, asset_partitions=[day.key for day in partitions])
    found: set[str] = set()
    cursor: str | None = None
    more = True
    while more:
        result = context.instance.fetch_materializations(wanted, limit=1_000, cursor=cursor)
        records, cursor, more = result.records, result.cursor, result.has_more
        ours = [record for record in records if record.run_id == context.run.run_id]
        found |= {record.partition_key for record in ours if record.partition_key}
        if records and not ours:
            break  # newest first: what follows was there before
    return found
