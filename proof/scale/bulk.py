"""Many days told at once: what Dagster keeps of them, without the runs.

An event is the one that the asset's own run wrote, with another day in it. Dagster's public way to report an event
takes ten milliseconds of processor time for each; its storages can take many together, and that is used here. What is
left out is what a run says before it (that it is planned), and SQLite's second copy in the file of the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from itertools import batched

import dagster as dg
from dagster._core.events import StepMaterializationData
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from crypto_assets.partitions import DATE, SYMBOL, Partition
from proof.scale.filling import Told

AT_ONCE = 500


def tell_at_once(instance: dg.DagsterInstance, told: Sequence[Told], days: Sequence[Partition], *, run_id: str) -> None:
    """Say of each asset that these days were materialized by a run."""
    for one in told:
        for some in batched(_entries(one, days, run_id=run_id), AT_ONCE):
            _store(instance, some)


def _entries(told: Told, days: Sequence[Partition], *, run_id: str) -> Iterator[dg.EventLogEntry]:
    for day in days:
        tags = {f"dagster/partition/{DATE}": day.day.isoformat(), f"dagster/partition/{SYMBOL}": day.symbol}
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="medallion",
            message=f"Materialized value {told.name}.",
            step_key=told.name,
            event_specific_data=StepMaterializationData(
                dg.AssetMaterialization(
                    told.asset, metadata=told.metadata, partition=day.key, tags={**told.tags, **tags}
                )
            ),
        )
        yield dg.EventLogEntry(
            error_info=None,
            level=logging.DEBUG,
            user_message="",
            run_id=run_id,
            timestamp=time.time(),
            step_key=told.name,
            job_name="medallion",
            dagster_event=event,
        )


def _store(instance: dg.DagsterInstance, entries: Sequence[dg.EventLogEntry]) -> None:
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        storage.store_event_batch(entries)
        return
    with storage.index_transaction() as connection:
        inserted = [connection.execute(storage.prepare_insert_event(entry)).inserted_primary_key for entry in entries]
    ids = [int(key[0]) for key in inserted if key is not None]
    storage.store_asset_event_tags(entries, ids)
    storage.store_asset_event(entries[-1], ids[-1])
