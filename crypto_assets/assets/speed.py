"""Speed: what the stream processor keeps at once in PostgreSQL and Redis, and what a day of it came to."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import materialize_each, partitions_named
from crypto_assets.assets.postgres_columns import DAILY_SUMMARY_SCHEMA, RAW_PRICES_SCHEMA
from crypto_assets.assets.speed_days import KEPT_DAYS, SummaryDays, drop_old_days, why_not_yet
from crypto_assets.assets.streams import streams_of
from crypto_assets.automation import when_inputs_change
from crypto_assets.config import read_settings
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.partitions import DaySymbol, WholeDays
from crypto_assets.refusal import refuse
from crypto_assets.stream.topics import TICKERS
from resources.exchange import exchange_now
from resources.postgres import PostgresResource

GROUP = "speed"
STAGING_RAW_PRICES, REDIS_LAST_PRICE, DAILY_SUMMARY = "staging_raw_prices", "redis_last_price", "daily_summary"


def speed_assets(days: DaySymbol) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """Two that the processor fills and a sensor observes, and the summary of a day."""
    every_day = days.whole_days
    return [
        dg.AssetSpec(
            STAGING_RAW_PRICES,
            group_name=GROUP,
            kinds={"postgres"},
            deps=streams_of(TICKERS),
            description=(
                "The last price of each ticker with its change from the price before, in `staging.raw_prices`; kept "
                f"{KEPT_DAYS} days, and longer where a day was not summarised.\n\nThe processor writes it; the sensor "
                "speed_observations records a materialization of each day that got rows."
            ),
            metadata={"dagster/table_name": "staging.raw_prices", "dagster/column_schema": RAW_PRICES_SCHEMA},
            partitions_def=every_day.definition,
        ),
        dg.AssetSpec(
            REDIS_LAST_PRICE,
            group_name=GROUP,
            kinds={"redis"},
            deps=streams_of(TICKERS),
            description="The last price of each symbol, in Redis.\n\nThe processor writes it; the sensor "
            "speed_observations observes it.",
        ),
        _daily_summary(every_day),
    ]


def _daily_summary(days: WholeDays) -> dg.AssetsDefinition:
    @day_asset(
        DAILY_SUMMARY,
        days,
        group=GROUP,
        kinds={"postgres", "sql"},
        deps=[STAGING_RAW_PRICES],
        description=(
            "First, last, lowest, highest and mean price of each symbol's day and their number, by the procedure "
            f"`get_daily_summary`. Staging days that ended more than {KEPT_DAYS} days ago are dropped then, never one "
            "that was not summarised."
        ),
        metadata={
            "dagster/table_name": "public.daily_summary",
            "dagster/column_schema": DAILY_SUMMARY_SCHEMA,
            "key": "day, exchange, symbol",
        },
        follows=when_inputs_change(),
    )
    def daily_summary(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
        now = exchange_now(read_settings(), wall=datetime.now(UTC))
        for partition in partitions_named(context.run.tags, days, now=datetime.now(UTC)):
            if sentence := why_not_yet(partition, now=now):
                refuse(sentence)
        written = materialize_each(
            context, days, lambda _: SummaryDays(postgres.transaction, exchange=postgres.exchange).write
        )
        _drop_old_days(context, postgres, now=now)
        return written

    return daily_summary


def _drop_old_days(context: dg.AssetExecutionContext, postgres: PostgresResource, *, now: datetime) -> None:
    try:
        dropped, kept = drop_old_days(postgres.transaction, now=now)
    except ServiceUnavailable as error:
        context.log.warning("staging_raw_prices: old days stay until the next run. %s", error)
        return
    if dropped:
        context.log.info("staging_raw_prices: dropped %s, summarised and %d days old", _days(dropped), KEPT_DAYS)
    for day, left in kept.items():
        context.log.warning(
            "staging_raw_prices %s is old enough to drop and stays, because not all of it was summarised: %s. "
            "Materialise daily_summary of that day.",
            day,
            "; ".join(map(str, left)),
        )
    context.add_asset_metadata(
        {"staging_days_dropped": _days(dropped), "staging_days_not_summarised": _days(kept)},
        partition_key=context.partition_keys[-1],
    )


def _days(days: Iterable[date]) -> str:
    return ", ".join(map(str, days)) or "none"
