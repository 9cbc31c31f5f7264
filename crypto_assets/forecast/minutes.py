"""Rows of a minute that a model reads: days of gold beside the prices that silver has for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.features.candles import NOT_READ
from crypto_assets.flags import has_flag
from crypto_assets.forecast.table import FeatureTable, from_first_real
from crypto_assets.spans import MINUTE_US

GOLD_READ = ("open_time", "as_of", "warm", "filled")
"""Columns of gold that rows are made from, beside the features."""
PRICE_READ = ("open_time", "close", "flags")
"""Columns of silver's candles of a minute that rows are made from: gold holds no price."""


def gold_rows(days: Iterable[tuple[pa.Table, pa.Table]], *, symbol: str, features: Sequence[str]) -> FeatureTable:
    """Rows of days of gold, one day after the other, each day beside its silver candles of a minute.

    Of gold GOLD_READ and the features are read, of silver PRICE_READ. The close of a row is that of its own candle
    where that was real: in silver, and to gold when it was computed. Where it was not (interpolated, out of range,
    contradictory, gone), the last real close before it stands there and the row is not real. Rows before the first
    real close are left out. Raises BadPayload where rows are out of order.
    """
    rows = from_first_real((_rows(gold, silver, features) for gold, silver in days), named="Rows of gold")
    return FeatureTable(
        symbol=symbol,
        source="gold_features",
        step_us=MINUTE_US,
        features=tuple(features),
        open_us=rows["open_us"].to_numpy(),
        as_of_us=rows["as_of_us"].to_numpy(),
        close=rows["close"].to_numpy(),
        is_real=rows["is_real"].to_numpy(),
        warm=rows["warm"].to_numpy(),
        values=rows.select(features).to_numpy(order="c"),  # sums over rows differ in their last bits in another order
    )


def count_not_numbers(values: pa.Table, names: Sequence[str]) -> dict[str, int]:
    """NaN and infinite values by column; of those columns that have any. A null is neither."""
    finite = {name: int(np.isfinite(values[name].to_numpy()).sum()) for name in names}
    counts = {name: values.num_rows - values[name].null_count - finite[name] for name in names}
    return {name: count for name, count in counts.items() if count}


def _rows(gold: pa.Table, silver: pa.Table, features: Sequence[str]) -> pl.DataFrame:
    # Polars casts decimals to the nearest floats; Arrow's own cast misses every eighth by a last bit.
    candles = pl.DataFrame(pl.from_arrow(silver.select(PRICE_READ))).select(
        "open_time", pl.col("close").cast(pl.Float64), is_read=~has_flag(*NOT_READ)
    )
    return (
        pl.DataFrame(pl.from_arrow(gold.select([*GOLD_READ, *features])))
        .join(candles, on="open_time", how="left", maintain_order="left")
        .select(
            pl.col(features).cast(pl.Float64),
            "warm",
            "close",
            open_us=pl.col("open_time").cast(pl.Int64),
            as_of_us=pl.col("as_of").cast(pl.Int64),
            is_real=~pl.col("filled") & pl.col("is_read").fill_null(value=False),
        )
    )
