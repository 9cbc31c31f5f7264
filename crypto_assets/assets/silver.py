"""Silver: cleaned days. What a row is worth is in its flags, what is missing is in the notes of the file."""

from collections.abc import Callable, Sequence
from datetime import datetime

import dagster as dg

from crypto_assets.assets.columns import Sources, same_columns, table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.silver_days import PERPETUAL_INPUTS, KlinesDays, OrderbookDays, PerpetualDays
from crypto_assets.automation import when_inputs_change
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.schemas import (
    BRONZE_FUNDING_RATE,
    BRONZE_KLINES,
    BRONZE_LIQUIDATIONS,
    BRONZE_MARK_PRICE,
    BRONZE_OPEN_INTEREST,
    BRONZE_ORDERBOOK,
    SILVER_KLINES,
    SILVER_ORDERBOOK,
    SILVER_PERPETUAL,
    Dataset,
)
from resources.lake import LakeResource
from resources.spark import SparkResource

GROUP = "silver"

Begin = Callable[[Lake, datetime], Callable[[Partition], Written]]
"""Given the lake and the present, what writes a partition; it can be pickled, so that Spark's processes may run it."""


def silver_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """An asset for each silver dataset."""
    return [
        *(_klines_asset(timeframe, days) for timeframe in SILVER_KLINES),
        _silver_asset(
            SILVER_ORDERBOOK,
            days,
            inputs=(BRONZE_ORDERBOOK,),
            description="Order book states that are whole, sorted, uncrossed and unique, at most one in 100 ms.",
            begin=lambda lake, _: OrderbookDays(lake).write,
        ),
        _silver_asset(
            SILVER_PERPETUAL,
            days,
            inputs=tuple(PERPETUAL_INPUTS.values()),
            description="Funding, open interest, premium and liquidations of each minute, as known by its end.",
            begin=lambda lake, now: PerpetualDays(lake, now=now).write,
            sources=_PERPETUAL_SOURCES,
        ),
    ]


def _klines_asset(timeframe: str, days: DaySymbol) -> dg.AssetsDefinition:
    bronze, minutes = BRONZE_KLINES[timeframe], SILVER_KLINES["1m"]
    derived = " Candles that the exchange did not send are aggregated from the minutes, flag `derived`."
    is_minutes = timeframe == "1m"
    return _silver_asset(
        SILVER_KLINES[timeframe],
        days,
        inputs=(bronze,) if is_minutes else (bronze, minutes),
        description="Candles after eight counted steps: load, deduplicate, schema, range, sequence, OHLC, fill, flag."
        + ("" if is_minutes else derived),
        begin=lambda lake, now: KlinesDays(lake, timeframe=timeframe, now=now).write,
    )


def _silver_asset(
    dataset: Dataset,
    days: DaySymbol,
    *,
    inputs: Sequence[Dataset],
    description: str,
    begin: Begin,
    sources: Sources | None = None,
) -> dg.AssetsDefinition:
    @day_asset(
        dataset.name,
        days,
        group=GROUP,
        kinds={"polars", "parquet"},
        description=description,
        metadata=table_metadata(dataset, sources=sources or same_columns(dataset, *inputs)),
        deps=[origin.name for origin in inputs],
        follows=when_inputs_change(),
    )
    def silver(context: dg.AssetExecutionContext, lake: LakeResource, spark: SparkResource) -> dg.MaterializeResult:
        return materialize_each(context, days, lambda now: begin(lake.lake, now), spread=spark.engine)

    return silver


_FUNDING = [(BRONZE_FUNDING_RATE.name, "funding_rate"), (BRONZE_FUNDING_RATE.name, "funding_time")]
_LIQUIDATED = [
    (BRONZE_LIQUIDATIONS.name, column) for column in ("time", "side", "average_price", "filled_quantity", "status")
]
_PERPETUAL_SOURCES: Sources = {
    "funding_rate": _FUNDING[:1],
    "funding_time": _FUNDING[1:],
    "previous_funding_rate": _FUNDING,
    "next_funding_time": [
        (BRONZE_MARK_PRICE.name, "next_funding_time"),
        (BRONZE_FUNDING_RATE.name, "interval_hours"),
        *_FUNDING[1:],
    ],
    "open_interest": [(BRONZE_OPEN_INTEREST.name, "open_interest")],
    "open_interest_value": [(BRONZE_OPEN_INTEREST.name, "open_interest_value")],
    "open_interest_time": [(BRONZE_OPEN_INTEREST.name, "time")],
    "mark_price": [(BRONZE_MARK_PRICE.name, "mark_price")],
    "index_price": [(BRONZE_MARK_PRICE.name, "index_price")],
    **{f"liquidated_{side}_{figure}": _LIQUIDATED for side in ("long", "short") for figure in ("count", "volume")},
}
