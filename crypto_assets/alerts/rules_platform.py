"""Rules of what the platform runs on: Dagster's runs and checks, disks, deliveries, and what cannot be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from crypto_assets.alerts.alert import Cause
from crypto_assets.alerts.facts import FailedRuns, Unseen
from crypto_assets.alerts.outbox import ChannelState
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.health.events import RANGE, CheckResult
from crypto_assets.health.storage import LEAST_FREE, Disk

UNTOLD_FOR = timedelta(minutes=10)
"""A channel that takes nothing for so long is told of to the others."""
RUNS_KEPT = timedelta(days=7)
CHECKS_KEPT = timedelta(days=2)
UNSEEN_FOR, CALM = timedelta(minutes=1), timedelta(minutes=2)


def run(found: Iterable[FailedRuns]) -> Iterator[Cause]:
    """Runs that failed and were not made good."""
    for failed in found:
        state = failed.newest
        what = ", ".join(state.assets[:3]) + (" …" if len(state.assets) > 3 else "") if state.assets else state.job
        about = f" of {state.partition}" if state.partition else ""
        times = f" {failed.count} runs of it failed." if failed.count > 1 else ""
        yield Cause(
            key=f"run/{state.job}/{state.partition or '-'}/{'+'.join(state.assets) or '-'}",
            subject=f"run of {what}{about} failed",
            sentence=f"Run {state.run_id[:8]}: {state.sentence}{times}",
            advice="read the run's log, mend the cause, and start it again (Re-execute); its success ends this alert.",
            link=f"/runs/{state.run_id}",
            since=failed.first_at,
            watched_until=failed.first_at + RUNS_KEPT if state.ended_at is None else state.ended_at + RUNS_KEPT,
        )


def checks(results: Sequence[CheckResult]) -> Iterator[Cause]:
    """Checks that did not pass and are errors, and drift of what a promoted model reads on its newest day."""
    for result in results:
        if result.is_error:
            about = f" of {result.partition}" if result.partition else ""
            yield Cause(
                key=f"check/{result.asset}/{result.check}/{result.partition or '-'}",
                subject=f"check {result.check} of {result.asset}{about} does not pass",
                sentence=result.sentence or "It says nothing more.",
                advice="what is made from this asset must not be trusted until the check passes: see its page.",
                link=f"/assets/{result.asset}?view=checks",
                since=result.at,
                watched_until=result.at + CHECKS_KEPT,
            )
    for symbol, result in _newest_drifts(results).items():
        if not result.passed:
            yield Cause(
                key=f"skill/drift/{symbol}",
                subject=f"the model of {symbol} reads what it was not trained on",
                sentence=result.sentence,
                advice="a request to train again is left, and the sensor retraining runs the job forecast for it. "
                "Until then take the forecasts with care.",
                link=f"/assets/{LSTM_PREDICTIONS.name}?view=checks",
                since=result.at,
                watched_until=result.at + CHECKS_KEPT,
            )


def disk(disks: Iterable[Disk]) -> Iterator[Cause]:
    """File systems with less than a tenth free."""
    for found in disks:
        if found.is_low:
            yield Cause(
                key=f"disk/{found.variable}",
                subject=f"the disk of {found.variable} is nearly full",
                sentence=f"{found.path}: {found.free / 1e9:,.2f} of {found.total / 1e9:,.2f} GB are free, "
                f"{100 * found.free_share:.1f} %; below {LEAST_FREE:.0%} this is told.",
                advice=f"free space or point {found.variable} to a larger disk before writes fail: shorten "
                "BRONZE_RETENTION_DAYS, delete old logs and runs of Dagster.",
                severity="critical",
                clear_after=CALM,
            )


def delivery(channels: Iterable[ChannelState], *, now: datetime) -> Iterator[Cause]:
    """Channels that take no message."""
    for channel in channels:
        if channel.failing_since is not None and now - channel.failing_since >= UNTOLD_FOR:
            yield Cause(
                key=f"delivery/{channel.name}",
                subject=f"alerts do not reach the {channel.name}",
                sentence=f"{channel.failures} tries came to nothing, {channel.waiting} notices wait: {channel.problem}",
                advice="mend the address or the server; `crypto-assets alerts test` tries it. What waits is told then.",
                since=channel.failing_since,
            )


def unwatched(place: str, unseen: Unseen) -> Cause:
    """That a place cannot be looked at."""
    advice = {
        "redis": "see with `make status` whether Redis runs, or that the one of REDIS_URL answers.",
        "lake": "see that LAKE_URI can be reached and its credentials are right.",
        "dagster": "see that DAGSTER_HOME, or the database of Dagster's storage, can be reached.",
        "disk": "see that DATA_DIR is mounted.",
    }
    return Cause(
        key=f"unwatched/{place}",
        subject=f"{place} cannot be watched",
        sentence=f"{unseen.reason} What depends on it is taken to be as it was.",
        advice=advice[place],
        severity="critical",
        tell_after=UNSEEN_FOR,
        clear_after=CALM,
    )


def _newest_drifts(results: Iterable[CheckResult]) -> dict[str, CheckResult]:
    """Of each symbol the result about its newest day."""
    newest: dict[str, CheckResult] = {}
    for result in results:
        if (result.asset, result.check) != (LSTM_PREDICTIONS.name, "drift") or result.partition is None:
            continue
        last = result.partition.rpartition(RANGE)[2]
        symbol = last.partition("|")[2]
        held = newest.get(symbol)
        if held is None or (held.partition or "").rpartition(RANGE)[2] < last:
            newest[symbol] = result
    return newest
