"""Deletes bronze days that are old, and whose silver is complete, verified and made from just what is deleted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import numpy as np

from crypto_assets.assets.silver_days import PERPETUAL_INPUTS
from crypto_assets.checks.findings import WARN
from crypto_assets.checks.silver import DAY_CHECKS
from crypto_assets.checks.stored import read_stored
from crypto_assets.cleaning.candles import NEIGHBOUR_DAYS
from crypto_assets.config import read_settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest, Retired
from crypto_assets.partitions import Partition
from crypto_assets.refusal import refuse
from crypto_assets.schemas import (
    BRONZE_KLINES,
    BRONZE_ORDERBOOK,
    BRONZE_TRADES,
    SILVER_KLINES,
    SILVER_ORDERBOOK,
    SILVER_PERPETUAL,
    Dataset,
)
from crypto_assets.spans import day_span
from resources.exchange import exchange_now
from resources.lake import LakeResource

NAME = "bronze_retention"
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Kin:
    """Bronze datasets that are deleted together, and the silver that must be made of them first."""

    bronze: tuple[Dataset, ...]
    silver: Dataset
    reach: int = 0
    """How many days later silver still reads them."""


KIN = (
    *(Kin((BRONZE_KLINES[t],), SILVER_KLINES[t], reach=NEIGHBOUR_DAYS) for t in BRONZE_KLINES),
    Kin((BRONZE_ORDERBOOK,), SILVER_ORDERBOOK),
    Kin(tuple(PERPETUAL_INPUTS.values()), SILVER_PERPETUAL, reach=1),
    Kin((BRONZE_TRADES,), SILVER_KLINES["1m"]),
)
"""Trades have no silver of their own: the minutes of the day must count them all."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What retention did to the days of one symbol."""

    days: int
    """Days of datasets that were deleted."""
    bytes: int
    kept: Mapping[str, str]
    """Why old days were kept, by dataset and partition."""


def sweep(lake: Lake, symbol: str, *, keep_days: int, now: datetime, wall: datetime) -> Swept:
    """Delete what may be deleted of a symbol's bronze.

    A day goes when it, and the days whose silver reads it as a neighbour, ended `keep_days` before `now`, it was last
    written so long before `wall`, and its silver was made from its present data version and passes its checks. Raises
    LakeError; what was deleted until then stays deleted, and a repeat goes on.
    """
    days = size = 0
    kept: dict[str, str] = {}
    for kin in KIN:
        for day in _old_days(lake, kin, symbol, before=now - timedelta(days=keep_days + kin.reach)):
            partition = Partition(symbol, day)
            held = {d: m for d in kin.bronze if (m := lake.manifest(d, symbol, day)) is not None}
            reason = _reason_to_keep(lake, kin, partition, held, written_before=wall - timedelta(days=keep_days))
            if reason:
                kept[f"{kin.bronze[0].name} {partition}"] = reason
                continue
            for dataset, manifest in held.items():
                lake.retire(dataset, symbol, day, _record(lake, dataset, partition, manifest, at=wall))
                days += 1
                size += manifest.bytes
    return Swept(days, size, kept)


def _old_days(lake: Lake, kin: Kin, symbol: str, *, before: datetime) -> list[date]:
    """Days with some of the datasets that had ended at a moment, ascending."""
    found = {day for dataset in kin.bronze for day in lake.days(dataset, symbol)}
    return sorted(day for day in found if day_span(day).end <= before)


def _reason_to_keep(
    lake: Lake, kin: Kin, partition: Partition, held: Mapping[Dataset, Manifest], *, written_before: datetime
) -> str | None:
    """Why the day may not be deleted; None where it may."""
    written = [lake.written_at(dataset, partition.symbol, partition.day) for dataset in held]
    if any(moment is None or moment > written_before for moment in written):
        return "it was written not long ago"
    if BRONZE_TRADES in held:
        return _unverified(lake, kin.silver, partition) or _uncounted(lake, partition)
    made_from = lake.inputs(kin.silver, partition.symbol, partition.day)
    other = [d.name for d, manifest in held.items() if made_from.get(d.name) != manifest.data_version]
    if other:
        return f"{kin.silver.name} was not made from what {', '.join(other)} holds now"
    return _unverified(lake, kin.silver, partition)


def _unverified(lake: Lake, silver: Dataset, partition: Partition) -> str | None:
    """What is wrong with a day of silver, by its own checks; None where nothing is."""
    stored = read_stored(silver, lake, partition, datetime.now(UTC))
    if stored is None:
        return f"{silver.name} is not there"
    if stored.known != day_span(partition.day):
        return f"{silver.name} was made before the day had ended"
    for check in DAY_CHECKS[silver]:
        finding = check.judge(stored)
        if not finding.passed and finding.severity is not WARN:
            return f"{silver.name} fails its check {check.name}: {finding.sentence}"
    return None


def _uncounted(lake: Lake, partition: Partition) -> str | None:
    """Whether the trades are as many as the day's minutes say; None where they are."""
    trades = lake.read(BRONZE_TRADES, partition.symbol, partition.day, columns=["trade_id"])
    minutes = lake.read(SILVER_KLINES["1m"], partition.symbol, partition.day, columns=["count"])
    if trades is None or minutes is None:
        return "it changed while it was looked at"
    ids = np.unique(trades["trade_id"].to_numpy()).size
    counted = int(minutes["count"].to_numpy().sum())
    return None if ids == counted else f"it holds {ids:,} trades, and the minutes of the day count {counted:,}"


def _record(lake: Lake, dataset: Dataset, partition: Partition, manifest: Manifest, *, at: datetime) -> Retired:
    keys = lake.count_keys(dataset, partition.symbol, partition.day, manifest.parts)
    return Retired(at, manifest.rows, keys, manifest.bytes, manifest.data_version)


@dg.op
def sweep_bronze(context: dg.OpExecutionContext, lake: LakeResource) -> None:
    """Sweep the bronze of all symbols, and say what was kept and why."""
    settings, wall = read_settings(), datetime.now(UTC)
    keep_days = settings.bronze_retention_days
    if not keep_days:
        context.log.info("BRONZE_RETENTION_DAYS is 0: bronze is kept for ever, 0 days were deleted.")
        return
    try:
        now = exchange_now(settings, wall=wall)
        swept = [sweep(lake.lake, symbol, keep_days=keep_days, now=now, wall=wall) for symbol in settings.symbols]
    except CryptoAssetsError as error:
        refuse(str(error))
    kept = {place: reason for one in swept for place, reason in one.kept.items()}
    context.add_output_metadata(
        {
            "days_deleted": sum(one.days for one in swept),
            "bytes_deleted": sum(one.bytes for one in swept),
            "days_kept": len(kept),
            "kept": dg.MetadataValue.md(_listed(kept)),
        }
    )
    for symbol, one in zip(settings.symbols, swept, strict=True):
        context.log.info("%s %s deleted=%d bytes=%d kept=%d", NAME, symbol, one.days, one.bytes, len(one.kept))


def _listed(kept: Mapping[str, str]) -> str:
    """Reasons, the most frequent first, each with some of the days that it holds for."""
    lines: list[str] = []
    for reason, count in Counter(kept.values()).most_common():
        places: Sequence[str] = [place for place, why in kept.items() if why == reason]
        more = f" and {count - SHOWN:,} more" if count > SHOWN else ""
        lines.append(f"- {reason}: {', '.join(places[:SHOWN])}{more}")
    return "\n".join(lines) or "none of the old days"


@dg.job(name=NAME, description="Deletes bronze days older than BRONZE_RETENTION_DAYS whose silver is verified.")
def bronze_retention() -> None:
    """One step over all symbols."""
    sweep_bronze()


def retention_schedule() -> dg.ScheduleDefinition:
    """Every night at 05:00 UTC, when silver and gold of yesterday are long there."""
    return dg.ScheduleDefinition(
        name=f"{NAME}_daily",
        job=bronze_retention,
        cron_schedule="0 5 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
