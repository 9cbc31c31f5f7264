"""Schedules: yesterday's partitions of every symbol, at fixed hours of UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from crypto_assets.jobs import CANDLES_TO_FEATURES, SPEED
from crypto_assets.partitions import DaySymbol, Partition

BRONZE_AND_SILVER = CANDLES_TO_FEATURES & dg.AssetSelection.groups("bronze", "silver")
BRONZE = CANDLES_TO_FEATURES & dg.AssetSelection.groups("bronze")
GOLD = CANDLES_TO_FEATURES & dg.AssetSelection.groups("gold")


def schedules(days: DaySymbol) -> list[dg.ScheduleDefinition]:
    """Daily summaries at 00:15, bronze and silver at 01:00, gold at 02:00, bronze against the archive at 12:00."""
    return [
        _speed_daily(days),
        _daily("silver_daily", days, hour=1, target=BRONZE_AND_SILVER, what="Bronze, then silver"),
        _daily("gold_daily", days, hour=2, target=GOLD, what="Gold"),
        _daily("archive_daily", days, hour=12, target=BRONZE, what="Bronze again, now that the archive has the day,"),
    ]


def yesterday_of(moment: datetime, days: DaySymbol) -> list[Partition]:
    """The partition of each symbol for the UTC day before a moment; none where that is before the first day."""
    day = moment.astimezone(UTC).date() - timedelta(days=1)
    return [Partition(symbol, day) for symbol in days.symbols] if day >= days.first_day else []


def _speed_daily(days: DaySymbol) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="speed_daily",
        cron_schedule="15 0 * * *",  # the processor is seconds behind the exchange: a quarter of an hour is ample
        execution_timezone="UTC",
        job=SPEED,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The summary of yesterday's prices, at 00:15 UTC.",
    )
    def speed_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        if day < days.first_day:
            return dg.SkipReason(f"Yesterday is before the first day, {days.first_day}: 0 runs.")
        return dg.RunRequest(run_key=f"speed_daily {day}", partition_key=day.isoformat())

    return speed_daily


def _daily(name: str, days: DaySymbol, *, hour: int, target: dg.AssetSelection, what: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        cron_schedule=f"0 {hour} * * *",
        execution_timezone="UTC",
        target=target,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{what} of yesterday, a run for each symbol, at {hour:02d}:00 UTC.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        partitions = yesterday_of(context.scheduled_execution_time, days)
        if not partitions:
            yield dg.SkipReason(f"Yesterday is before the first day, {days.first_day}: 0 runs.")
        for partition in partitions:
            yield dg.RunRequest(run_key=f"{name} {partition.key}", partition_key=partition.key)

    return daily
