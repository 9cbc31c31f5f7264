"""How a day of features is written: read the window from silver, compute, publish, describe."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.assets.day_cache import DayCache
from crypto_assets.assets.each_partition import Written, published_metadata
from crypto_assets.assets.missing_inputs import never_materialised
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.features.inputs import BOOK_LEAD_IN, LOOK_BACK_DAYS, FeatureInputs, gather_inputs
from crypto_assets.lake.lake import Lake, Published
from crypto_assets.partitions import Partition
from crypto_assets.schemas import SILVER_KLINES, SILVER_ORDERBOOK, Dataset
from crypto_assets.spans import day_span


class FeatureDays:
    """Writes days of features; over a range each silver day is read once."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._window = InputWindow(lake)

    def write(self, partition: Partition) -> Written:
        """Compute the day and publish it; raises InputIncomplete where silver has no klines of the day itself."""
        from crypto_assets.features.compute import compute_features

        features = compute_features(self._window.inputs(partition), day=partition.day)
        published = self._lake.publish(GOLD_FEATURES, partition.symbol, partition.day, features)
        return Written.of(published, _described(features, published))


class InputWindow:
    """Reads what a day of features is computed from, and remembers it for the days after."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._caches = {
            dataset.name: DayCache(lake, days=back + 1, keep=_last_hour if dataset is SILVER_ORDERBOOK else None)
            for dataset, back in LOOK_BACK_DAYS.items()
        }

    def inputs(self, partition: Partition) -> FeatureInputs:
        """The window of the day; raises InputIncomplete where silver has no klines of the day itself."""
        for dataset in SILVER_KLINES.values():
            if self._read(partition, dataset, partition.day) is None:
                raise never_materialised(GOLD_FEATURES.name, partition, missing=dataset.name)
        return gather_inputs(partition.day, partial(self._read, partition))

    def _read(self, partition: Partition, dataset: Dataset, day: date) -> pa.Table | None:
        if dataset is SILVER_ORDERBOOK and day == partition.day:
            # Not remembered: a day at 100 ms is some hundred MB, and the day after reads its last hour anew.
            return self._lake.read(dataset, partition.symbol, day)
        return self._caches[dataset.name].read(dataset, Partition(partition.symbol, day))


def _described(features: pa.Table, published: Published) -> dict[str, Any]:
    """Metadata of a day: rows that are warm, carried forward, or have a family, and values that are null."""
    yes_or_no = [field.name for field in features.schema if pa.types.is_boolean(field.type)]
    warm = features.filter(features["warm"])
    return {
        **published_metadata(published),
        "features": len(FEATURES),
        **{f"rows_{name}": int(features[name].to_numpy().sum()) for name in yes_or_no},
        "nulls_in_warm_rows": sum(warm[feature.name].null_count for feature in FEATURES),
    }


def _last_hour(day: pa.Table) -> pa.Table:
    column = SILVER_ORDERBOOK.time_column
    if not day.num_rows:
        return day
    end = day_span(day[column][0].as_py().date()).end
    evening = day.filter(pc.field(column) >= pa.scalar(end - BOOK_LEAD_IN, day[column].type))
    return evening.combine_chunks()  # a copy: a slice would keep the whole day in memory
