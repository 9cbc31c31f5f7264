"""Every feature of gold, and the dataset that they make up.

A feature is one entry in the FEATURES of its family's module. Its column, documentation, range check and place in the
look-ahead proof follow from it.
"""

from __future__ import annotations

import pyarrow as pa

from crypto_assets.features import calendar, momentum, orderbook, perpetual, price, structure, volume
from crypto_assets.features.feature import Family, Feature
from crypto_assets.features.inputs import Source
from crypto_assets.schemas import TIMESTAMP, Dataset, described

__all__ = ["FEATURES", "GOLD_FEATURES", "PRESENCE", "Family", "Feature", "Source", "required_windows"]

FEATURES: tuple[Feature, ...] = (
    *price.FEATURES,
    *volume.FEATURES,
    *orderbook.FEATURES,
    *momentum.FEATURES,
    *structure.FEATURES,
    *perpetual.FEATURES,
    *calendar.FEATURES,
)

PRESENCE: dict[Source, str] = {
    source: f"{source}_present"
    for source in (Source.ORDERBOOK, Source.FUNDING, Source.OPEN_INTEREST, Source.MARK_PRICE, Source.LIQUIDATIONS)
}
"""Column that says whether something of the source was known in the hour before `as_of`; all features of a source
that was not present are null."""

PERPETUAL_PRESENT = "perpetual_present"


def required_windows() -> dict[str, int]:
    """Candles of each timeframe that features depend on: the longest of their windows."""
    windows: dict[str, int] = {}
    for feature in FEATURES:
        if feature.source is Source.KLINES:
            windows[feature.timeframe] = max(windows.get(feature.timeframe, 0), feature.window)
    return windows


def _feature_column(feature: Feature) -> pa.Field:
    metadata = {"description": feature.description, "unit": feature.unit, "family": feature.family.value}
    return pa.field(feature.name, pa.float64(), nullable=True, metadata=metadata)


GOLD_FEATURES = Dataset(
    name="gold_features",
    payload=pa.schema(
        [
            described("open_time", TIMESTAMP, "start of the 1m candle that the row belongs to"),
            described("as_of", TIMESTAMP, "when that candle had closed; every value of the row was known by then"),
            described("warm", pa.bool_(), "whether every window was full and every present source complete"),
            described(
                "filled", pa.bool_(), "whether the candle was not real and the last real close is carried forward"
            ),
            *(
                described(column, pa.bool_(), f"whether {source.value.replace('_', ' ')} was known in the last hour")
                for source, column in PRESENCE.items()
            ),
            described(PERPETUAL_PRESENT, pa.bool_(), "whether funding, open interest or mark price was"),
            *map(_feature_column, FEATURES),
        ]
    ),
    key=("open_time",),
    folder="gold/features/symbol={symbol}/date={day}",
    file="features.parquet",
)
