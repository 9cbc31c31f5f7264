"""Schedules: yesterday's partitions of every symbol, at fixed hours of UTC."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from crypto_assets.config import Settings, WarehouseSource, read_settings
from crypto_assets.endpoints import embedded_endpoint
from crypto_assets.jobs import CANDLES_TO_FEATURES, FORECAST, HEALTH, SHARE, SPEED, WAREHOUSE
from crypto_assets.partitions import DaySymbol, Partition

BRONZE_AND_SILVER = CANDLES_TO_FEATURES & dg.AssetSelection.groups("bronze", "silver")
BRONZE = CANDLES_TO_FEATURES & dg.AssetSelection.groups("bronze")
GOLD = CANDLES_TO_FEATURES & dg.AssetSelection.groups("gold")


def schedules(days: DaySymbol) -> list[dg.ScheduleDefinition]:
    """When what is made without anybody asking; hours are UTC's."""
    clean = "Bronze, then silver of yesterday"
    again = "Bronze again, now that the archive has the day, of yesterday"
    model = "A model as of yesterday, its verdict, and its promotion where it is better than every baseline"
    return [
        *_whole_days(days),
        _of_yesterday("silver_daily", days, "0 1 * * *", when="at 01:00", what=clean, target=BRONZE_AND_SILVER),
        _of_yesterday("gold_daily", days, "0 2 * * *", when="at 02:00", what="Gold of yesterday", target=GOLD),
        _of_yesterday("archive_daily", days, "0 12 * * *", when="at 12:00", what=again, target=BRONZE),
        _of_yesterday("forecast_weekly", days, "0 3 * * 0", when="on Sundays at 03:00", what=model, job=FORECAST.name),
    ]


def yesterday_of(moment: datetime, days: DaySymbol) -> list[Partition]:
    """The partition of each symbol for the UTC day before a moment; none where that is before the first day."""
    day = moment.astimezone(UTC).date() - timedelta(days=1)
    return [Partition(symbol, day) for symbol in days.symbols] if day >= days.first_day else []


def _whole_days(days: DaySymbol) -> list[dg.ScheduleDefinition]:
    yesterday, today = timedelta(days=1), timedelta(0)
    return [
        # the processor is seconds behind the exchange: a quarter of an hour is ample
        _of_day("speed_daily", days, cron="15 0 * * *", ago=yesterday, job=SPEED.name, what="The summary of yesterday"),
        _of_day(
            "warehouse_daily",
            days,
            cron="0 4 * * *",
            ago=yesterday,
            job=WAREHOUSE.name,
            what="Facts of yesterday's trades, on S3 and in Redshift",
            needs=_trades_at_hand,
        ),
        # after silver, gold and the warehouse of the same night
        _of_day("health_daily", days, cron="0 6 * * *", ago=yesterday, job=HEALTH.name, what="The report of yesterday"),
        _of_day(
            "share_hourly",
            days,
            cron="5 * * * *",
            ago=today,
            job=SHARE.name,
            what="Windows of today that have closed",
            needs=_stream_at_hand,
        ),
    ]


def _of_day(
    name: str,
    days: DaySymbol,
    *,
    cron: str,
    ago: timedelta,
    job: str,
    what: str,
    needs: Callable[[Settings], str | None] = lambda _: None,
) -> dg.ScheduleDefinition:
    """A run about the UTC day that lies so long before the tick; none where `needs` says what is not there."""

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        execution_timezone="UTC",
        job_name=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{what} (cron {cron}, UTC).",
    )
    def of_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        moment = context.scheduled_execution_time.astimezone(UTC)
        day = (moment - ago).date()
        if day < days.first_day:
            return dg.SkipReason(f"{day} is before the first day, {days.first_day}: 0 runs.")
        if lacking := needs(read_settings()):
            return dg.SkipReason(f"0 runs: {lacking}")
        return dg.RunRequest(run_key=f"{name} {moment:%Y-%m-%dT%H:%M}", partition_key=day.isoformat())

    return of_day


def _trades_at_hand(settings: Settings) -> str | None:
    named = settings.postgres_url or settings.warehouse_source is WarehouseSource.LAKE
    if named or embedded_endpoint(settings.data_dir, "postgres"):
        return None
    return "no PostgreSQL with trades is named and none runs. `make up` starts one."


def _stream_at_hand(settings: Settings) -> str | None:
    if settings.kafka_bootstrap_servers or embedded_endpoint(settings.data_dir, "kafka"):
        return None
    return "no Kafka is named and none runs. `make up` starts one."


def _of_yesterday(
    name: str,
    days: DaySymbol,
    cron: str,
    *,
    when: str,
    what: str,
    target: dg.AssetSelection | None = None,
    job: str | None = None,
) -> dg.ScheduleDefinition:
    """A run for each symbol about the UTC day before the tick: of these assets, or of the job of that name."""

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        execution_timezone="UTC",
        target=target,
        job_name=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{what}, a run for each symbol, {when} UTC.",
    )
    def of_yesterday(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        partitions = yesterday_of(context.scheduled_execution_time, days)
        if not partitions:
            yield dg.SkipReason(f"Yesterday is before the first day, {days.first_day}: 0 runs.")
        for partition in partitions:
            yield dg.RunRequest(run_key=f"{name} {partition.key}", partition_key=partition.key)

    return of_yesterday
