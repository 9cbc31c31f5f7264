"""Candles of a second as rows that a model reads: what one says by itself, and beside the second before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.errors import BadPayload
from crypto_assets.features.candles import NOT_READ, open_times
from crypto_assets.forecast.table import BoolArray, FeatureTable, FloatArray, IntArray
from crypto_assets.schemas import FLAGS
from crypto_assets.spans import from_us

SECOND_US = 1_000_000
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


@dataclass(frozen=True, slots=True)
class _Candles:
    """Columns of candles, one after the other in time."""

    open_us: IntArray
    is_real: BoolArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    count: FloatArray
    taker_buy_volume: FloatArray


def second_rows(klines: Iterable[pa.Table], *, symbol: str, features: Sequence[str] = ()) -> FeatureTable:
    """Rows of days of KLINES_1S (columns READ), one day after the other; `features` of SECOND_FEATURES, or all.

    A second in which nobody traded is a row: its close is the former one, which is what a trade would have been
    measured by, and it is real, for the exchange itself says so. One that is not what traded (`filled`, out of range,
    contradictory) carries the last real close forward with no volume and is not real. A second without a candle is a
    gap: the row after it has no return and is not warm. Rows before the first real close are left out.
    Raises BadPayload where seconds are out of order.
    """
    candles = _carried_forward(_joined([_candles(day) for day in klines]))
    follows = np.diff(candles.open_us, prepend=np.int64(0)) == SECOND_US
    columns = _columns(candles, follows=follows)
    names = tuple(features) or tuple(columns)
    return FeatureTable(
        symbol=symbol,
        source="klines_1s",
        step_us=SECOND_US,
        features=names,
        open_us=candles.open_us,
        as_of_us=candles.open_us + SECOND_US,
        close=candles.close,
        is_real=candles.is_real,
        warm=follows,
        values=np.column_stack([columns[name] for name in names]),
    )


def _columns(candles: _Candles, *, follows: BoolArray) -> dict[str, FloatArray]:
    """Values of SECOND_FEATURES by name, as their formulas say."""
    traded = candles.volume > 0
    share = candles.taker_buy_volume / np.where(traded, candles.volume, 1.0)
    before = np.concatenate((candles.close[:1], candles.close[:-1]))
    return {
        "log_return_1s": np.where(follows, np.log(candles.close / before), np.nan),
        "log_range_1s": np.log(candles.high / candles.low),
        "log_volume_1s": np.log1p(candles.volume),
        "taker_share_1s": np.where(traded, share, NEITHER_SIDE),
        "log_count_1s": np.log1p(candles.count),
    }


def _candles(day: pa.Table) -> _Candles:
    """Columns of a day as numbers, without candles that open off the grid: they stand for no second."""
    day = day.filter(pa.array((day["flags"].to_numpy() & FLAGS["off_grid"]) == 0))
    return _Candles(
        open_us=open_times(day),
        is_real=(day["flags"].to_numpy() & NOT_READ) == 0,
        **{name: pl.Series(pl.from_arrow(day[name])).cast(pl.Float64).to_numpy() for name in READ[1:-1]},
    )


def _joined(days: Sequence[_Candles]) -> _Candles:
    names = [field.name for field in fields(_Candles)]
    joined = _Candles(**{name: np.concatenate([getattr(day, name) for day in days]) for name in names})
    behind = np.flatnonzero(np.diff(joined.open_us) <= 0)
    if behind.size:
        at = from_us(int(joined.open_us[behind[0] + 1]))
        raise BadPayload(f"Candles are not in the order of their open times: that of {at} comes after a later one.")
    return joined


def _carried_forward(candles: _Candles) -> _Candles:
    """From the first real candle on; those that are not real repeat the last real close and have no volume."""
    real = candles.is_real
    first = int(np.argmax(real)) if real.any() else real.size
    kept = _Candles(**{field.name: getattr(candles, field.name)[first:] for field in fields(candles)})
    real = kept.is_real
    close = kept.close[np.maximum.accumulate(np.where(real, np.arange(real.size), 0))]
    prices = {name: np.where(real, getattr(kept, name), close) for name in ("high", "low", "close")}
    amounts = {name: np.where(real, getattr(kept, name), 0.0) for name in ("volume", "count", "taker_buy_volume")}
    return replace(kept, **prices, **amounts)
