"""The loop of an asset of whole days that writes several at a time: those that fail are named, the others kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from time import perf_counter

import dagster as dg

from crypto_assets.assets.each_partition import Written, another_attempt, describe, partitions_asked, record
from crypto_assets.assets.partial_steps import days_lost_before, followers, only_what_was_recorded
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.partitions import WholeDay, WholeDays

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
    partitions = partitions_asked(context.run.tags, days, now=datetime.now(UTC))
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
    return describe(context, {day: done[day] for day in partitions})


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
    may_pass = not done and all(error.retryable for error in failed.values())
    if may_pass and (again := another_attempt(context)):
        return again
    record(context, dict(sorted(done.items())))
    return dg.Failure(
        description=_failure_sentence(context.asset_key.to_user_string(), failed, asked=len(partitions)),
        metadata={"days_failed": len(failed), "days_done": len(done), "days_asked": len(partitions)},
        allow_retries=False,
    )


def _failure_sentence(name: str, failed: dict[WholeDay, CryptoAssetsError], *, asked: int) -> str:
    """Which days failed and why; the reasons of the first ones."""
    reasons = [f"{day}: {str(error).removeprefix(f'{name} {day}: ')}" for day, error in sorted(failed.items())]
    if asked == 1:
        return f"{name} {reasons[0]}"
    kept = f"The other {asked - len(failed)} are done and stay." if len(failed) < asked else "None was written."
    more = ", ".join(str(day) for day in sorted(failed)[TOLD:])
    listed = "\n".join(reasons[:TOLD]) + (f"\nand {more}, see the log" if more else "")
    return f"{name}: {len(failed)} of {asked} days failed. {kept}\n{listed}"
