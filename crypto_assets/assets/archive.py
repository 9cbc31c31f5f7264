"""Archive: candles of a second as the exchange's files, on HDFS as they are, and in the lake cleaned."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import dagster as dg

from crypto_assets.archive import landing, raw
from crypto_assets.archive.raw import RawDays
from crypto_assets.assets.archive_days import SecondsDays, write_landed, write_raw
from crypto_assets.assets.bronze import POOL
from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each, partitions_asked
from crypto_assets.automation import when_inputs_change
from crypto_assets.config import read_settings
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.schemas import KLINES_1S
from resources.exchange import ExchangeResource
from resources.lake import LakeResource
from resources.landing import LandingResource
from resources.spark import SparkSpread

GROUP = "archive"

RAW = (
    "The exchange's file of one-second candles, verified, with its checksum. A month that a run covers whole is "
    "downloaded as one file and split into days; a repeat asks for checksums only."
)
LANDING = (
    "The same file on HDFS: written under another name, read back, compared by SHA-256, then renamed. One that is "
    "there already is not sent again."
)
CLEANED = (
    "Up to 86,400 candles of a second, after silver's steps but for the filling: read from HDFS by tasks of Spark, all "
    "days of a run beside each other. Seconds without a row are listed as gaps."
)


def archive_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The verified file, the landing on HDFS, the cleaned day."""
    return [_raw_asset(days), _landing_asset(days), _cleaned_asset(days)]


def _raw_asset(days: DaySymbol) -> dg.AssetsDefinition:
    @day_asset(
        raw.NAME,
        days,
        group=GROUP,
        kinds={"binance", "zip"},
        description=RAW,
        pool=POOL,
    )
    def raw_klines_1s(
        context: dg.AssetExecutionContext, lake: LakeResource, exchange: ExchangeResource
    ) -> dg.MaterializeResult:
        def begin(now: datetime) -> Callable[[Partition], Written]:
            wanted = [(p.symbol, p.day) for p in partitions_asked(context.run.tags, days, now=now)]
            archive = exchange.sources.archive
            return partial(write_raw, RawDays(lake.lake.files, archive, wanted=wanted, tell=context.log.info))

        return materialize_each(context, days, begin)

    return raw_klines_1s


def _landing_asset(days: DaySymbol) -> dg.AssetsDefinition:
    @day_asset(
        landing.NAME,
        days,
        group=GROUP,
        kinds={"hdfs", "zip"},
        description=LANDING,
        deps=[raw.NAME],
        follows=when_inputs_change(),
    )
    def hdfs_klines_1s(
        context: dg.AssetExecutionContext, lake: LakeResource, landing_zone: LandingResource
    ) -> dg.MaterializeResult:
        def begin(_: datetime) -> Callable[[Partition], Written]:
            return partial(write_landed, lake.lake.files, landing_zone.open(tell=context.log.info))

        return materialize_each(context, days, begin)

    return hdfs_klines_1s


def _cleaned_asset(days: DaySymbol) -> dg.AssetsDefinition:
    @day_asset(
        KLINES_1S.name,
        days,
        group=GROUP,
        kinds={"pyspark", "parquet"},
        description=CLEANED,
        metadata=table_metadata(KLINES_1S),
        deps=[landing.NAME],
        follows=when_inputs_change(),
    )
    def klines_1s(
        context: dg.AssetExecutionContext, lake: LakeResource, landing_zone: LandingResource
    ) -> dg.MaterializeResult:
        def begin(_: datetime) -> Callable[[Partition], Written]:
            return SecondsDays(lake.lake.uri, landing_zone.open(tell=context.log.info).uri)

        return materialize_each(context, days, begin, spread=SparkSpread(read_settings()), spread_from=1)

    return klines_1s
