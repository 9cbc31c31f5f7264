"""How days of the warehouse are written: several at a time, those that fail named, the others kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import dagster as dg

from crypto_assets.assets.each_partition import RETRIES, Written, partitions_or_refusal
from crypto_assets.assets.partial_steps import days_lost_before, followers, only_what_was_recorded
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.partitions import WholeDay, WholeDays
from crypto_assets.refusal import refuse
from crypto_assets.warehouse.snapshot import HeldTrades

TOLD = 5
"""Failed days whose reasons a failure spells out; it names all of them."""


def write_days(
    context: dg.AssetExecutionContext,
    days: WholeDays,
    write: Callable[[WholeDay], Written],
    *,
    at_once: int,
) -> dg.MaterializeResult:
    """Write each day of the run, `at_once` of them at a time, and describe it.

    A day that fails takes no other with it: the others are written and recorded, and the step fails at its end with a
    sentence that names every failed day. Where the run has steps that read what is written here, it is the last of them
    that fails: they do their work for the other days before. Where all days failed for reasons that may pass, the step
    is tried again after a pause.
    """
    partitions = partitions_or_refusal(context.run.tags, days, now=datetime.now(UTC))
    if not partitions:
        refuse(days.how_to_name)
    lost = days_lost_before(context, partitions)
    done, failed = _write(context, [day for day in partitions if day not in lost], write, at_once=at_once)
    failed |= lost
    warned = {day: written.warning for day, written in done.items() if written.warning}
    for day, warning in list(warned.items())[:TOLD]:
        context.log.warning("%s %s: %s", context.asset_key.to_user_string(), day, warning)
    if failed:
        ending = _ending(context, partitions, done, failed)
        if isinstance(ending, dg.Failure) and done and followers(context):
            context.log.error("%s", ending.description)
            return only_what_was_recorded()
        raise ending
    for day in partitions:
        context.add_asset_metadata(done[day].metadata, partition_key=day.key)
    return dg.MaterializeResult(data_version=dg.DataVersion(_version([done[day] for day in partitions])))


def describe_trades(held: Sequence[HeldTrades]) -> dict[str, Any]:
    """Metadata of a day of trades."""
    return {
        "dagster/partition_row_count": sum(h.trades for h in held),
        "symbols": len(held),
        "symbol_names": ", ".join(h.symbol for h in held),
        "first_trade": dg.MetadataValue.timestamp(min(h.first_time for h in held)),
        "last_trade": dg.MetadataValue.timestamp(max(h.last_time for h in held)),
    }


def trades_version(held: Sequence[HeldTrades]) -> str:
    """Data version of a day of trades: rows are only ever added, so their number tells whether there are new ones."""
    return f"{sum(h.trades for h in held)}-{max(h.last_inserted_at for h in held).isoformat()}"


def _write(
    context: dg.AssetExecutionContext,
    partitions: Sequence[WholeDay],
    write: Callable[[WholeDay], Written],
    *,
    at_once: int,
) -> tuple[dict[WholeDay, Written], dict[WholeDay, CryptoAssetsError]]:
    done: dict[WholeDay, Written] = {}
    failed: dict[WholeDay, CryptoAssetsError] = {}
    name = context.asset_key.to_user_string()
    began = perf_counter()
    with ThreadPoolExecutor(at_once, thread_name_prefix=name) as pool:
        waiting = {pool.submit(write, day): day for day in partitions}
        try:
            for future in as_completed(waiting):
                day = waiting[future]
                try:
                    done[day] = future.result()
                except CryptoAssetsError as error:
                    failed[day] = error
                    context.log.error("%s %s: %s", name, day, error)
                else:
                    context.log.info(
                        "%s %s rows=%d, %d of %d after %.1fs",
                        name, day, done[day].rows, len(done) + len(failed), len(partitions), perf_counter() - began,
                    )  # fmt: skip
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return done, failed


def _ending(
    context: dg.AssetExecutionContext,
    partitions: Sequence[WholeDay],
    done: dict[WholeDay, Written],
    failed: dict[WholeDay, CryptoAssetsError],
) -> Exception:
    attempt = context.retry_number + 1
    if not done and all(error.retryable for error in failed.values()) and attempt <= RETRIES.max_retries:
        return dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=RETRIES.calculate_delay(attempt))
    for day, written in sorted(done.items()):
        context.log_event(
            dg.AssetMaterialization(
                asset_key=context.asset_key,
                partition=day.key,
                metadata=written.metadata,
                tags={"dagster/data_version": written.data_version},
            )
        )
    return dg.Failure(
        description=failure_sentence(context.asset_key.to_user_string(), failed, asked=len(partitions)),
        metadata={"days_failed": len(failed), "days_done": len(done), "days_asked": len(partitions)},
        allow_retries=False,
    )


def failure_sentence(name: str, failed: dict[WholeDay, CryptoAssetsError], *, asked: int) -> str:
    """Which days failed and why; the reasons of the first ones."""
    reasons = [f"{day}: {str(error).removeprefix(f'{name} {day}: ')}" for day, error in sorted(failed.items())]
    if asked == 1:
        return f"{name} {reasons[0]}"
    kept = f"The other {asked - len(failed)} are done and stay." if len(failed) < asked else "None was written."
    more = ", ".join(str(day) for day in sorted(failed)[TOLD:])
    listed = "\n".join(reasons[:TOLD]) + (f"\nand {more}, see the log" if more else "")
    return f"{name}: {len(failed)} of {asked} days failed. {kept}\n{listed}"


def _version(written: Sequence[Written]) -> str:
    versions = [one.data_version for one in written]
    return versions[0] if len(versions) == 1 else hashlib.sha256("\n".join(versions).encode()).hexdigest()
