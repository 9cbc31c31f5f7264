"""Health: a report of each day, made from what the lake, the streams and Dagster itself say."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.health_metadata import describe_report
from crypto_assets.config import read_settings
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.dagster_events import latest_checks, recent_runs
from crypto_assets.health.lag import program_health
from crypto_assets.health.publishing import publish_report
from crypto_assets.health.report import make_report
from crypto_assets.health.rows import HEALTH_REPORT
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.spans import day_span
from crypto_assets.stream.gap_table import GAP_LEDGER
from resources.lake import LakeResource

GROUP = "health"


def health_assets(days: DaySymbol) -> Sequence[dg.AssetsDefinition]:
    """The asset of the daily report."""
    every_day = days.whole_days

    @day_asset(
        HEALTH_REPORT.name,
        every_day,
        group=GROUP,
        kinds={"parquet", "markdown"},
        deps=[SILVER_KLINES["1m"].name, GOLD_FEATURES.name, GAP_LEDGER.name],
        description=(
            "The daily look: results of checks, failed runs, freshness, completeness, features, streams, gaps, disk, "
            "storage and cost of a UTC day, as a table, a page (`health_report.md`) and a picture "
            "(`health_report.png`) side by side.\n\nWhat cannot be asked is told, and stops nothing else. A day that "
            "runs is judged by the minutes that have closed."
        ),
        metadata=table_metadata(HEALTH_REPORT),
    )
    def health_report(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        settings = read_settings()

        def begin(now: datetime) -> Callable[[WholeDay], Written]:
            programs = program_health(settings, now=now)

            def write(partition: WholeDay) -> Written:
                since = min(day_span(partition.day).start, now.astimezone(UTC))
                report = make_report(
                    lake.lake,
                    settings,
                    day=partition.day,
                    now=now,
                    programs=programs,
                    checks=latest_checks(context.instance, since=since),
                    runs=recent_runs(context.instance, since=since),
                )
                return describe_report(report, publish_report(lake.lake, report))

            return write

        return materialize_each(context, every_day, begin)

    return [health_report]
