"""Share: what prices did in windows of a minute to a day, for analysts, and the same as a table of Hive."""

from collections.abc import Callable, Sequence
from datetime import datetime

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.share_days import AggregateDays, HiveDays, LiveTrades
from crypto_assets.assets.streams import streams_of
from crypto_assets.automation import when_inputs_change, when_window_changes
from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import exchange_name, kafka_servers
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, WholeDay, WholeDays
from crypto_assets.share.hive import HiveTable
from crypto_assets.share.live import LiveMinutes
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.stream.topics import TRADES
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import FACT_TRADES
from resources.exchange import exchange_now
from resources.lake import LakeResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource

GROUP = "share"
HIVE_PRICE_AGGREGATES = "hive_price_aggregates"


def share_assets(days: DaySymbol) -> Sequence[dg.AssetsDefinition]:
    """Aggregates of each day, and their partition in Hive."""
    every_day = days.whole_days
    return [_price_aggregates(every_day), _hive_price_aggregates(every_day)]


def share_store(lake: Lake) -> WarehouseStore:
    """Where shared tables lie: the folder `share` of the lake."""
    return WarehouseStore(f"{lake.uri}/share")


def live_minutes(settings: Settings) -> LiveMinutes:
    """Live minutes of the configured exchange, below DATA_DIR."""
    return LiveMinutes(settings.data_dir / "share" / "live" / exchange_name(settings))


def hive_table(spark: SparkResource, lake: Lake) -> HiveTable:
    """The table of the aggregates; starts Spark with Hive where it does not run."""
    return HiveTable(spark.hive_session, PRICE_AGGREGATES, root=share_store(lake).uri)


def _price_aggregates(days: WholeDays) -> dg.AssetsDefinition:
    streams = streams_of(TRADES)

    @day_asset(
        PRICE_AGGREGATES.name,
        days,
        group=GROUP,
        kinds={"polars", "spark", "parquet"},
        deps=[
            dg.AssetDep(
                FACT_TRADES.name,
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=-1, allow_nonexistent_upstream_partitions=True
                ),
            ),
            *streams,
        ],
        description="Open, high, low, close, vwap, volume, trades, realised volatility and return of each symbol in "
        "windows of 1 m, 5 m, 1 h and 1 d.\n\nA past day is made from its facts and the last close before it. Today is "
        "made from Kafka's trades: each materialization takes what is new and publishes the windows that have closed.",
        metadata=table_metadata(PRICE_AGGREGATES),
        follows=when_window_changes(own_day=(FACT_TRADES.name,)).ignore(  # pyright: ignore[reportAttributeAccessIssue]  conditions that are joined have it
            dg.AssetSelection.assets(*streams)  # it moves all the time, and means no day
        ),
    )
    def price_aggregates(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, spark: SparkResource, lake: LakeResource
    ) -> dg.MaterializeResult:
        settings = read_settings()

        def begin(wall: datetime) -> Callable[[WholeDay], Written]:
            now = exchange_now(settings, wall=wall)
            trades = LiveTrades(
                # With Hive, which opens nothing before it is asked: the next asset of the run needs no second Spark.
                session=lambda: spark.hive_session,
                servers=lambda: kafka_servers(settings),
                exchange=exchange_name(settings),
                now=now,
            )
            written = AggregateDays(
                share_store(lake.lake), facts=lambda: warehouse.store, live=live_minutes(settings), trades=trades
            )
            return written.write

        return materialize_each(context, days, begin)

    return price_aggregates


def _hive_price_aggregates(days: WholeDays) -> dg.AssetsDefinition:
    @day_asset(
        HIVE_PRICE_AGGREGATES,
        days,
        group=GROUP,
        kinds={"hive", "spark"},
        deps=[PRICE_AGGREGATES.name],
        description="The same as a partition of the external Hive table `crypto_assets.price_aggregates` over the "
        "files where they lie; HIVE_METASTORE_URI names the metastore, else it is embedded.",
        metadata=table_metadata(PRICE_AGGREGATES),
        follows=when_inputs_change(),
    )
    def hive_price_aggregates(
        context: dg.AssetExecutionContext, spark: SparkResource, lake: LakeResource
    ) -> dg.MaterializeResult:
        return materialize_each(
            context, days, lambda _: HiveDays(share_store(lake.lake), lambda: hive_table(spark, lake.lake)).write
        )

    return hive_price_aggregates
