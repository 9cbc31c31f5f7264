"""The loop that every partitioned asset runs: one partition after the other, whatever the run asked for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import dagster as dg

from crypto_assets.errors import CryptoAssetsError, RateLimited
from crypto_assets.lake.lake import Published
from crypto_assets.partitions import Keyed, PartitionsOfRuns
from crypto_assets.refusal import refuse

RETRIES = dg.RetryPolicy(max_retries=4, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For errors that say of themselves that they may pass; a wrong file or a bug fails at once."""
LOGGED_LINES = 6
"""A range of more partitions than this is reported on about so many times: every line is a row in Dagster's store."""

Metadata = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What a partition holds now."""

    rows: int
    data_version: str
    """Changes when, and only when, the content does: what decides whether assets that read it run again."""
    metadata: Metadata
    warning: str | None = None
    """What a person should know tomorrow."""


def published_metadata(published: Published) -> dict[str, Any]:
    """Where a published day lies and how large it is, under the names that every single-file asset gives them."""
    return {
        "dagster/row_count": published.rows,
        "dagster/uri": published.uri,
        "bytes": published.bytes,
        "changed": published.changed,
    }


def materialize_each[P: Keyed](
    context: dg.AssetExecutionContext, days: PartitionsOfRuns[P], begin: Callable[[datetime], Callable[[P], Written]]
) -> dg.MaterializeResult:
    """Write each partition of the run and describe it.

    `begin` is given the present and returns what writes one partition. Metadata belong to their partition. Dagster
    keeps one data version for the materialisations of a run: over a range it is a hash of all. Where a partition
    fails, those before it stay and are recorded as materialised, and the failure names it; an error that may pass is
    retried, after a pause that grows, from the first partition on: those done are found done.
    """
    now = datetime.now(UTC)
    partitions = partitions_or_refusal(context.run.tags, days, now=now)
    if not partitions:
        refuse(days.how_to_name)
    done: dict[P, Written] = {}
    try:
        _write_each(context, partitions, begin(now), done)
    except BaseException as error:
        ending = _ending(context, error, partitions, done)
        if not isinstance(ending, dg.RetryRequested):
            _record(context, done)
        if ending is error:
            raise
        raise ending from error
    for partition, written in done.items():
        context.add_asset_metadata(written.metadata, partition_key=partition.key)
    return dg.MaterializeResult(data_version=dg.DataVersion(_version(done)))


def partitions_or_refusal[P: Keyed](
    tags: Mapping[str, str], days: PartitionsOfRuns[P], *, now: datetime
) -> tuple[P, ...]:
    """Partitions of a run, none where its tags name none; fails the step with a sentence where they name wrong ones."""
    try:
        return days.of_run(tags, now=now)
    except ValueError as error:
        refuse(str(error))


def _write_each[P: Keyed](
    context: dg.AssetExecutionContext,
    partitions: tuple[P, ...],
    write: Callable[[P], Written],
    done: dict[P, Written],
) -> None:
    total = len(partitions)
    pause = max(1, math.ceil(total / LOGGED_LINES))
    name = context.asset_key.to_user_string()
    for number, partition in enumerate(partitions, start=1):
        began = perf_counter()
        done[partition] = written = write(partition)
        if number % pause == 0 or number == total:
            took = perf_counter() - began
            context.log.info("%s %s rows=%d took=%.2fs, %d of %d", name, partition, written.rows, took, number, total)
    warned = {partition: written.warning for partition, written in done.items() if written.warning}
    for partition, warning in list(warned.items())[:1]:
        context.log.warning("%s: %d of %d days want a look. %s: %s", name, len(warned), total, partition, warning)


def _ending[P: Keyed](
    context: dg.AssetExecutionContext,
    error: BaseException,
    partitions: tuple[P, ...],
    done: Mapping[P, Written],
) -> BaseException:
    """What the step ends with: another attempt, a failure that names the day, or what is not ours to explain."""
    if not isinstance(error, CryptoAssetsError):
        return error
    attempt = context.retry_number + 1
    if error.retryable and attempt <= RETRIES.max_retries:
        pause_s = RETRIES.calculate_delay(attempt)
        if isinstance(error, RateLimited):
            pause_s = max(pause_s, error.retry_after_s)
        return dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=pause_s)
    failed = partitions[len(done)]
    kept = f" The {len(done)} of {len(partitions)} partitions before it are done and stay." if done else ""
    sentence = str(error)
    where = f"{context.asset_key.to_user_string()} {failed}: "
    return dg.Failure(
        description=f"{'' if sentence.startswith(where) else where}{sentence}{kept}",
        metadata={"partition": failed.key, "partitions_done": len(done), "partitions_asked": len(partitions)},
        allow_retries=False,
    )


def _record[P: Keyed](context: dg.AssetExecutionContext, done: Mapping[P, Written]) -> None:
    """Tell Dagster of the partitions that were written before the step failed."""
    for partition, written in done.items():
        context.log_event(
            dg.AssetMaterialization(
                asset_key=context.asset_key,
                partition=partition.key,
                metadata=written.metadata,
                tags={"dagster/data_version": written.data_version},
            )
        )


def _version[P: Keyed](done: Mapping[P, Written]) -> str:
    versions = [written.data_version for written in done.values()]
    return versions[0] if len(versions) == 1 else hashlib.sha256("\n".join(versions).encode()).hexdigest()
