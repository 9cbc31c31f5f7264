"""The loop that every partitioned asset runs: one partition after the other, whatever the run asked for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Protocol

import dagster as dg

from crypto_assets.assets.failed_partitions import PartitionsFailed
from crypto_assets.errors import CryptoAssetsError, NothingOfDay, RateLimited
from crypto_assets.lake.lake import Published
from crypto_assets.partitions import Keyed, PartitionsOfRuns
from crypto_assets.refusal import refuse
from crypto_assets.spark.failures import Failure, failure_of_work
from crypto_assets.spark.spread import Outcome

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

    @classmethod
    def of(
        cls, published: Published, metadata: Metadata, *, data_version: str | None = None, warning: str | None = None
    ) -> Written:
        """A day that is one file, whose sum is its version unless another one is given."""
        return cls(published.rows, data_version or published.sha256, metadata, warning)


class Spread(Protocol):
    """Does work on each of some items in other processes; see `crypto_assets.spark.spread`."""

    def __call__[I, R](
        self, items: Sequence[I], work: Callable[[I], R], *, on_done: Callable[[Outcome[I, R]], None]
    ) -> list[Outcome[I, R]]:
        """Outcomes in the order of the items."""
        ...


def published_metadata(published: Published) -> dict[str, Any]:
    """Where a published day lies and how large it is, under the names that every single-file asset gives them."""
    return {
        "dagster/row_count": published.rows,
        "dagster/uri": published.uri,
        "bytes": published.bytes,
        "changed": published.changed,
    }


def materialize_each[P: Keyed](
    context: dg.AssetExecutionContext,
    days: PartitionsOfRuns[P],
    begin: Callable[[datetime], Callable[[P], Written]],
    *,
    spread: Spread | None = None,
    spread_from: int = 2,
) -> dg.MaterializeResult:
    """Write each partition of the run and describe it.

    `begin` is given the present and returns what writes one partition. Metadata belong to their partition. Dagster
    keeps one data version for the materialisations of a run: over a range it is a hash of all. Where a partition
    fails, those before it stay and are recorded as materialised, and the failure names it; an error that may pass is
    retried, after a pause that grows, from the first partition on: those done are found done. One that fails with
    NothingOfDay keeps no other from being written: all such are named at the end.

    With `spread`, the partitions of a run over `spread_from` or more are written by other processes, in no order: what
    `begin` returns is pickled. Then all are tried, whichever fail, and the failure names each of these.
    """
    now = datetime.now(UTC)
    partitions = partitions_asked(context.run.tags, days, now=now)
    done: dict[P, Written] = {}
    absent: dict[P, Failure] = {}
    try:
        if spread is None or len(partitions) < spread_from:
            _write_each(context, partitions, begin(now), done, absent)
        else:
            _write_spread(context, partitions, begin(now), done, spread=spread)
    except BaseException as error:
        ending = _ending(context, error, partitions, done, absent)
        if not isinstance(ending, dg.RetryRequested):
            record(context, done)
        if ending is error:
            raise
        raise ending from error
    return describe(context, {partition: done[partition] for partition in partitions})


def partitions_asked[P: Keyed](tags: Mapping[str, str], days: PartitionsOfRuns[P], *, now: datetime) -> tuple[P, ...]:
    """Partitions of a run; fails the step with a sentence where its tags name none, or wrong ones."""
    return partitions_named(tags, days, now=now) or refuse(days.how_to_name)


def partitions_named[P: Keyed](tags: Mapping[str, str], days: PartitionsOfRuns[P], *, now: datetime) -> tuple[P, ...]:
    """The same, and no partition where the tags name none."""
    try:
        return days.of_run(tags, now=now)
    except ValueError as error:
        refuse(str(error))


def describe[P: Keyed](context: dg.AssetExecutionContext, done: Mapping[P, Written]) -> dg.MaterializeResult:
    """The result of a step that wrote all of its partitions, in their order, each with metadata of its own."""
    for partition, written in done.items():
        context.add_asset_metadata(written.metadata, partition_key=partition.key)
    versions = [written.data_version for written in done.values()]
    version = versions[0] if len(versions) == 1 else hashlib.sha256("\n".join(versions).encode()).hexdigest()
    return dg.MaterializeResult(data_version=dg.DataVersion(version))


def record[P: Keyed](context: dg.AssetExecutionContext, done: Mapping[P, Written]) -> None:
    """Tell Dagster of the partitions that were written by a step that fails."""
    for partition, written in done.items():
        context.log_event(materialization(context.asset_key, partition, written))


def materialization(asset: dg.AssetKey | str, partition: Keyed, written: Written) -> dg.AssetMaterialization:
    """What Dagster keeps of a partition that was written."""
    tags = {"dagster/data_version": written.data_version}
    return dg.AssetMaterialization(asset, metadata=written.metadata, partition=partition.key, tags=tags)


def another_attempt(context: dg.AssetExecutionContext, *, wait_s: float = 0.0) -> dg.RetryRequested | None:
    """Asks for the step to be tried again, after `wait_s` seconds or more; None where it was tried often enough."""
    attempt = context.retry_number + 1
    if attempt > RETRIES.max_retries:
        return None
    pause_s = max(wait_s, RETRIES.calculate_delay(attempt))
    return dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=pause_s)


def _write_each[P: Keyed](
    context: dg.AssetExecutionContext,
    partitions: tuple[P, ...],
    write: Callable[[P], Written],
    done: dict[P, Written],
    absent: dict[P, Failure],
) -> None:
    progress = _Progress(context, len(partitions))
    for partition in partitions:
        began = perf_counter()
        try:
            done[partition] = written = write(partition)
        except NothingOfDay as error:
            if len(partitions) == 1:
                raise
            absent[partition] = failure_of_work(error)
            said = "has nothing"
        else:
            said = f"rows={written.rows}"
        progress.tell(f"{partition} {said}", took_s=perf_counter() - began)
    _warn(context, partitions, done)
    if absent:
        raise PartitionsFailed(context.asset_key.to_user_string(), absent, asked=len(partitions))


def _write_spread[P: Keyed](
    context: dg.AssetExecutionContext,
    partitions: tuple[P, ...],
    write: Callable[[P], Written],
    done: dict[P, Written],
    *,
    spread: Spread,
) -> None:
    name = context.asset_key.to_user_string()
    context.log.info("%s hands %d days to Spark, which may have to start first", name, len(partitions))
    progress = _Progress(context, len(partitions))
    failures: dict[P, Failure] = {}
    repeated: dict[str, list[P]] = {}

    def take(outcome: Outcome[P, Written]) -> None:
        if outcome.before is not None:
            repeated.setdefault(outcome.before.sentence, []).append(outcome.item)
        if outcome.result is not None:
            done[outcome.item] = outcome.result
            progress.tell(f"{outcome.item} rows={outcome.result.rows}", took_s=outcome.took_s)
        elif outcome.failure is not None:
            failures[outcome.item] = outcome.failure
            progress.tell(f"{outcome.item} failed ({outcome.failure.kind})", took_s=outcome.took_s)

    spread(partitions, write, on_done=take)
    _warn(context, partitions, done)
    for reason, again in repeated.items():
        context.log.warning(
            "%d of %d partitions were tried twice, %s: %s", len(again), len(partitions), again[0], reason
        )
    if failures:
        for trace in {failure.trace for failure in failures.values() if failure.trace}:
            context.log.error("%s", trace)
        failed = {partition: failures[partition] for partition in partitions if partition in failures}
        raise PartitionsFailed(name, failed, asked=len(partitions))


class _Progress:
    """Tells of some of the partitions, as they are done."""

    def __init__(self, context: dg.AssetExecutionContext, total: int) -> None:
        self._context = context
        self._total = total
        self._pause = max(1, math.ceil(total / LOGGED_LINES))
        self._number = 0

    def tell(self, what: str, *, took_s: float) -> None:
        self._number += 1
        if self._number % self._pause == 0 or self._number == self._total:
            name = self._context.asset_key.to_user_string()
            self._context.log.info("%s %s took=%.2fs, %d of %d", name, what, took_s, self._number, self._total)


def _warn[P: Keyed](context: dg.AssetExecutionContext, partitions: tuple[P, ...], done: Mapping[P, Written]) -> None:
    warned = {partition: done[partition].warning for partition in partitions if partition in done}
    said = [(partition, warning) for partition, warning in warned.items() if warning]
    for partition, warning in said[:1]:
        name, total = context.asset_key.to_user_string(), len(partitions)
        context.log.warning("%s: %d of %d days want a look. %s: %s", name, len(said), total, partition, warning)


def _ending[P: Keyed](
    context: dg.AssetExecutionContext,
    error: BaseException,
    partitions: tuple[P, ...],
    done: Mapping[P, Written],
    absent: Mapping[P, Failure],
) -> BaseException:
    """What the step ends with: another attempt, a failure that names the day, or what is not ours to explain."""
    if not isinstance(error, CryptoAssetsError):
        return error
    wait_s = error.retry_after_s if isinstance(error, RateLimited | PartitionsFailed) else 0.0
    if error.retryable and (again := another_attempt(context, wait_s=wait_s)):
        return again
    done_and_asked = {"partitions_done": len(done), "partitions_asked": len(partitions)}
    if isinstance(error, PartitionsFailed):
        keys = ", ".join(error.keys)
        return dg.Failure(str(error), metadata={"partitions_failed": keys, **done_and_asked}, allow_retries=False)
    failed = partitions[len(done) + len(absent)]
    kept = f" The {len(done)} of {len(partitions)} partitions before it are done and stay." if done else ""
    sentence = str(error)
    where = f"{context.asset_key.to_user_string()} {failed}: "
    return dg.Failure(
        description=f"{'' if sentence.startswith(where) else where}{sentence}{kept}",
        metadata={"partition": failed.key, **done_and_asked},
        allow_retries=False,
    )
