"""The warehouse group: trades of PostgreSQL become facts and dimensions on S3, and these tables of Redshift, by day."""

from collections.abc import Sequence
from functools import partial

import dagster as dg

from crypto_assets.assets.bronze import POOL
from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.days_at_once import write_days
from crypto_assets.assets.postgres_columns import TRADES_SCHEMA
from crypto_assets.assets.streams import streams_of
from crypto_assets.assets.warehouse_days import load_facts, load_table, write_facts, write_symbols, write_times
from crypto_assets.automation import when_inputs_change
from crypto_assets.partitions import DaySymbol, WholeDays
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.stream import topics
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, DayTable
from resources.exchange import ExchangeResource
from resources.lake import LakeResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource

GROUP = "warehouse"
TRADES = "trades"
DAYS_AT_ONCE = 4
"""Days whose trades Spark reads at the same time: enough to keep its tasks busy while one day ends."""
LOADS_AT_ONCE = 2
"""Redshift takes one load at a time; the next is read and checked meanwhile."""


def warehouse_assets(days: DaySymbol) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """Trades as PostgreSQL holds them, the three tables on S3, and the same three in Redshift."""
    every_day = days.whole_days
    return [
        dg.AssetSpec(
            TRADES,
            group_name=GROUP,
            kinds={"postgres"},
            deps=streams_of(topics.TRADES),
            description="Every trade once, in `public.trades`.\n\nThe processor writes them; the sensor "
            "trade_observations records a materialization of each day that got rows.",
            metadata={"dagster/table_name": "public.trades", "dagster/column_schema": TRADES_SCHEMA},
            partitions_def=every_day.definition,
        ),
        _dim_time(every_day),
        _dim_symbol(every_day, days.symbols),
        _fact_trades(every_day, days.symbols),
        _redshift_dimension(every_day, DIM_TIME),
        _redshift_dimension(every_day, DIM_SYMBOL),
        _redshift_facts(every_day, days.symbols),
    ]


def in_redshift(table: DayTable) -> str:
    """The asset that stands for a table in Redshift."""
    return f"redshift_{table.name}"


def _dim_time(days: WholeDays) -> dg.AssetsDefinition:
    @day_asset(
        DIM_TIME.name,
        days,
        group=GROUP,
        kinds={"s3", "parquet"},
        deps=[TRADES],
        description="The minutes of a UTC day, 1,440 rows, as Parquet on S3.",
        metadata=table_metadata(DIM_TIME),
        follows=when_inputs_change(),
    )
    def dim_time(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
        return write_days(context, days, partial(write_times, warehouse), at_once=DAYS_AT_ONCE)

    return dim_time


def _dim_symbol(days: WholeDays, symbols: Sequence[str]) -> dg.AssetsDefinition:
    @day_asset(
        DIM_SYMBOL.name,
        days,
        group=GROUP,
        kinds={"s3", "parquet"},
        deps=[TRADES],
        description="Base and quote asset of each symbol, from the exchange's exchangeInfo, as Parquet on S3.",
        metadata=table_metadata(DIM_SYMBOL),
        follows=when_inputs_change(),
        pool=POOL,
    )
    def dim_symbol(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, exchange: ExchangeResource
    ) -> dg.MaterializeResult:
        write = partial(write_symbols, warehouse, exchange, symbols=symbols)
        return write_days(context, days, write, at_once=DAYS_AT_ONCE)

    return dim_symbol


def _fact_trades(days: WholeDays, symbols: Sequence[str]) -> dg.AssetsDefinition:
    @day_asset(
        FACT_TRADES.name,
        days,
        group=GROUP,
        kinds={"spark", "s3", "parquet"},
        deps=[TRADES, DIM_TIME.name, DIM_SYMBOL.name, SILVER_KLINES["1m"].name],
        description="What trades of a minute came to, a row each symbol and minute, exact decimals, as Parquet on S3. "
        "Spark reads the trades in parallel. Candles and dimensions are what its checks, the gate before Redshift, "
        "compare it with: where they change, it is judged again.",
        metadata=table_metadata(FACT_TRADES),
        follows=when_inputs_change(),
    )
    def fact_trades(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, spark: SparkResource, lake: LakeResource
    ) -> dg.MaterializeResult:
        write = partial(write_facts, warehouse, spark, lake.lake, symbols=symbols)
        return write_days(context, days, write, at_once=DAYS_AT_ONCE)

    return fact_trades


def _redshift_dimension(days: WholeDays, table: DayTable) -> dg.AssetsDefinition:
    @day_asset(
        in_redshift(table),
        days,
        group=GROUP,
        kinds={"redshift", "sql"},
        deps=[table.name],
        description=f"{table.name} in Redshift, by COPY from S3; what a day brings replaces what it brought before.",
        metadata=table_metadata(table),
        follows=when_inputs_change(),
    )
    def load(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
        return write_days(context, days, partial(load_table, warehouse, table), at_once=LOADS_AT_ONCE)

    return load


def _redshift_facts(days: WholeDays, symbols: Sequence[str]) -> dg.AssetsDefinition:
    @day_asset(
        in_redshift(FACT_TRADES),
        days,
        group=GROUP,
        kinds={"redshift", "sql"},
        deps=[FACT_TRADES.name, in_redshift(DIM_TIME), in_redshift(DIM_SYMBOL)],
        description="fact_trades in Redshift: only days that passed the gate, each in one transaction, counted on both "
        "sides afterwards.",
        metadata=table_metadata(FACT_TRADES),
        follows=when_inputs_change(),
    )
    def redshift_fact_trades(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, lake: LakeResource
    ) -> dg.MaterializeResult:
        write = partial(load_facts, warehouse, lake.lake, symbols=symbols)
        return write_days(context, days, write, at_once=LOADS_AT_ONCE)

    return redshift_fact_trades
