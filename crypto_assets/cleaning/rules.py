"""What a candle by itself, or beside the candles before it, cannot be.

Each rule is named like the flag that it raises. A comparison with a missing value is not true.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

import polars as pl

from crypto_assets.spans import Span, to_us

OUTLIER_CANDLES = 60
"""Candles before a candle whose median move is the scale of its own."""
OUTLIER_CANDLES_NEEDED = 20
"""With fewer candles before it the scale of a move is unknown."""
OUTLIER_MOVES = 25.0
"""A move of more than so many median moves is an outlier, if it is also above the floor."""
OUTLIER_FLOOR = 0.05
"""Log move below which no candle is an outlier, however quiet the hour before it was."""
OUTLIER_FLOOR_UNSCALED = 0.20
"""The same where the scale is unknown."""
OUTLIER_REFERENCE_CANDLES = 5
"""A move is measured from the median close of so many candles, so that one wrong candle does not accuse the next."""

CLOSE_TIME_RESOLUTION_US = 1_000
"""Close times come in milliseconds, 59.999 s, and in the archive from 2025 on in microseconds, 59.999999 s; this is the
coarser of the two."""

PRICES = ("open", "high", "low", "close")
_QUANTITIES = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume", "count")


def out_of_range(step_us: int) -> pl.Expr:
    """A price not above zero, a negative quantity or number of trades, or a close time that is not in the candle."""
    open_us, close_us = pl.col("open_time").to_physical(), pl.col("close_time").to_physical()
    return _any(
        *(pl.col(price) <= 0 for price in PRICES),
        *(pl.col(quantity) < 0 for quantity in _QUANTITIES),
        close_us < open_us,
        close_us >= open_us + step_us,
    )


def off_grid(step_us: int) -> pl.Expr:
    """The open time is not a multiple of the timeframe."""
    return pl.col("open_time").to_physical() % step_us != 0


def ohlc_violation() -> pl.Expr:
    """High, low, open and close contradict each other, a part is larger than its whole, or the price moved untraded."""
    return _any(
        pl.col("high") < pl.max_horizontal("open", "close", "low"),
        pl.col("low") > pl.min_horizontal("open", "close"),
        pl.col("taker_buy_volume") > pl.col("volume"),
        pl.col("taker_buy_quote_volume") > pl.col("quote_volume"),
        no_trades() & (pl.col("high") > pl.col("low")),
    )


def no_trades() -> pl.Expr:
    """Nothing was traded: the candle repeats the former close."""
    return pl.col("volume") == 0


def truncated(step_us: int) -> pl.Expr:
    """The candle ended before the last millisecond of its timeframe."""
    last_us = pl.col("open_time").to_physical() + (step_us - CLOSE_TIME_RESOLUTION_US)
    return pl.col("close_time").to_physical() < last_us


def exchange_halt(step_us: int, halts: Iterable[Span]) -> pl.Expr:
    """The candle ends where a halt begins, or begins where one ends."""
    held = list(halts)
    open_us = pl.col("open_time").to_physical()
    return open_us.is_in([to_us(halt.start) - step_us for halt in held] + [to_us(halt.end) for halt in held])


def outlier(rows: pl.DataFrame, *, step_us: int, before: tuple[int, float] | None) -> pl.Series:
    """True for candles whose range lies far from the candles before them.

    move = max(|ln(high / r)|, |ln(low / r)|), r = median of the last 5 closes before the candle.
    Outlier: move > max(0.05, 25 * median of the last 60 moves) * sqrt(slots since the candle before), or 0.20 in place
    of the maximum where fewer than 20 candles came before. Only candles before a candle judge it.

    `rows` are sorted by `open_time`; `before` is open time (us) and close of the last candle before them. Rows without
    a positive price are never outliers, they are out of range.
    """
    open_before_us, close_before = before if before is not None else (None, None)
    judged = rows.select(
        pl.col("open_time").to_physical(),
        *(pl.when(pl.col(price) > 0).then(pl.col(price).cast(pl.Float64)) for price in PRICES),
    )
    reference = (
        pl.col("close")
        .rolling_median(OUTLIER_REFERENCE_CANDLES, min_samples=1)
        .shift(1)
        .fill_null(pl.lit(close_before, pl.Float64))
        .fill_null(pl.col("open"))
    )
    moves = judged.select(
        "open_time",
        move=pl.max_horizontal(*(pl.col(price).truediv(reference).log().abs() for price in ("high", "low"))),
    )
    if not (moves["move"] > OUTLIER_FLOOR).any():  # as on nearly every day: no threshold is below the floor
        return pl.repeat(False, rows.height, eager=True)
    former = pl.col("open_time").shift(1).fill_null(pl.lit(open_before_us, pl.Int64))
    slots = ((pl.col("open_time") - former) / step_us).clip(lower_bound=1.0).fill_null(1.0)
    scale = pl.col("move").rolling_median(OUTLIER_CANDLES, min_samples=OUTLIER_CANDLES_NEEDED).shift(1)
    threshold = (scale * OUTLIER_MOVES).clip(lower_bound=OUTLIER_FLOOR).fill_null(OUTLIER_FLOOR_UNSCALED)
    return moves.select((pl.col("move") > threshold * slots.sqrt()).fill_null(False)).to_series()


def _any(*conditions: pl.Expr) -> pl.Expr:
    return reduce(or_, (condition.fill_null(False) for condition in conditions))
