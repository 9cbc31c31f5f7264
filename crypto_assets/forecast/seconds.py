"""Candles of a second as rows that a model reads: what one says by itself, and beside the second before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.features.candles import NOT_READ
from crypto_assets.flags import has_flag
from crypto_assets.forecast.table import BoolArray, FeatureTable, FloatArray, from_first_real
from crypto_assets.spans import SECOND_US

NEITHER_SIDE = 0.5
"""Share of takers who bought where nobody traded; that nobody did is what `log_count_1s` says."""

READ = ("open_time", "high", "low", "close", "volume", "count", "taker_buy_volume", "flags")
"""Columns of KLINES_1S that rows are made from."""


@dataclass(frozen=True, slots=True)
class SecondFeature:
    """One column."""

    name: str
    unit: str
    formula: str


SECOND_FEATURES = (
    SecondFeature("log_return_1s", "log-return", "ln(close / close of the second before)"),
    SecondFeature("log_range_1s", "log-return", "ln(high / low)"),
    SecondFeature("log_volume_1s", "ln(base asset)", "ln(1 + volume)"),
    SecondFeature("taker_share_1s", "fraction", "taker_buy_volume / volume; 0.5 where nothing was traded"),
    SecondFeature("log_count_1s", "ln(count)", "ln(1 + number of trades)"),
)
"""All of them; each is known when its candle has closed."""


def second_rows(klines: Iterable[pa.Table], *, symbol: str, features: Sequence[str] = ()) -> FeatureTable:
    """Rows of days of KLINES_1S (columns READ), one day after the other; `features` of SECOND_FEATURES, or all.

    A second in which nobody traded is a row: its close is the former one, which is what a trade would have been
    measured by, and it is real, for the exchange itself says so. One that is not what traded (`filled`, out of range,
    contradictory) carries the last real close forward with no volume and is not real. A second without a candle is a
    gap: the row after it has no return and is not warm. Rows before the first real close are left out.
    Raises BadPayload where seconds are out of order.
    """
    rows = from_first_real((_candles(day) for day in klines), named="Candles")
    candles = {name: rows[name].to_numpy() for name in rows.columns}
    open_us = candles["open_us"]
    follows = np.diff(open_us, prepend=np.int64(0)) == SECOND_US
    columns = _columns(candles, follows=follows)
    names = tuple(features) or tuple(columns)
    return FeatureTable(
        symbol=symbol,
        source="klines_1s",
        step_us=SECOND_US,
        features=names,
        open_us=open_us,
        as_of_us=open_us + SECOND_US,
        close=candles["close"],
        is_real=candles["is_real"],
        warm=follows,
        values=np.column_stack([columns[name] for name in names]),
    )


def _columns(candles: Mapping[str, FloatArray], *, follows: BoolArray) -> dict[str, FloatArray]:
    """Values of SECOND_FEATURES by name, as their formulas say; a candle that is not real is a price without volume."""
    real, close = candles["is_real"], candles["close"]
    high, low = (np.where(real, candles[name], close) for name in ("high", "low"))
    volume, count = (np.where(real, candles[name], 0.0) for name in ("volume", "count"))
    traded = volume > 0
    share = candles["taker_buy_volume"] / np.where(traded, volume, 1.0)
    before = np.concatenate((close[:1], close[:-1]))
    return {
        "log_return_1s": np.where(follows, np.log(close / before), np.nan),
        "log_range_1s": np.log(high / low),
        "log_volume_1s": np.log1p(volume),
        "taker_share_1s": np.where(traded, share, NEITHER_SIDE),
        "log_count_1s": np.log1p(count),
    }


def _candles(day: pa.Table) -> pl.DataFrame:
    """Columns of a day as numbers, without candles that open off the grid: they stand for no second."""
    return (
        pl.DataFrame(pl.from_arrow(day.select(READ)))
        .filter(~has_flag("off_grid"))
        .select(
            pl.col(READ[1:-1]).cast(pl.Float64),
            open_us=pl.col("open_time").cast(pl.Int64),
            is_real=~has_flag(*NOT_READ),
        )
    )
