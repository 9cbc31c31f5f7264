"""Gold: the feature table, one row for each one-minute candle."""

import re

import dagster as dg

from crypto_assets.assets.columns import Sources, table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import materialize_each
from crypto_assets.assets.gold_days import FeatureDays
from crypto_assets.automation import when_window_changes
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.features.inputs import LEAD_IN_DAYS, LOOK_BACK_DAYS
from crypto_assets.partitions import DaySymbol, look_back
from crypto_assets.schemas import SILVER_KLINES
from resources.lake import LakeResource
from resources.spark import SparkResource

GROUP = "gold"


def gold_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The asset of features."""

    @day_asset(
        GOLD_FEATURES.name,
        days,
        group=GROUP,
        kinds={"pandas", "parquet"},
        description=(
            f"{len(FEATURES)} features a minute, each known at `as_of`. Every row of a day is computed from the same "
            f"window, which begins {LEAD_IN_DAYS} days before it. Where a feature had fewer candles than it needs, "
            "`warm` is false."
        ),
        metadata=table_metadata(GOLD_FEATURES, sources=_sources()),
        deps=[dg.AssetDep(d.name, partition_mapping=look_back(back)) for d, back in LOOK_BACK_DAYS.items()],
        follows=when_window_changes(own_day=tuple(dataset.name for dataset in LOOK_BACK_DAYS)),
    )
    def gold_features(
        context: dg.AssetExecutionContext, lake: LakeResource, spark: SparkResource
    ) -> dg.MaterializeResult:
        return materialize_each(context, days, lambda _: FeatureDays(lake.lake).write, spread=spark.engine)

    return [gold_features]


def _sources() -> Sources:
    """Lineage as the features declare it: `klines_1m.close` is the column close of silver_klines_1m."""
    times = [(SILVER_KLINES["1m"].name, "open_time")]
    return {
        "open_time": times,
        "as_of": times,
        "filled": [(SILVER_KLINES["1m"].name, "flags")],
        **{
            feature.name: [column for read in feature.inputs for column in _silver_columns(read)]
            for feature in FEATURES
        },
    }


_SEVERAL_LEVELS = re.compile(r"(?P<name>\w+_)(?P<first>\d+)\.\.(?P<last>\d+)")


def _silver_columns(read: str) -> list[tuple[str, str]]:
    """Dataset and columns of an input; `orderbook.bid_price_1..3` are three of them."""
    dataset, _, column = read.partition(".")
    levels = _SEVERAL_LEVELS.fullmatch(column)
    if levels is None:
        return [(f"silver_{dataset}", column)]
    numbers = range(int(levels["first"]), int(levels["last"]) + 1)
    return [(f"silver_{dataset}", f"{levels['name']}{number}") for number in numbers]
