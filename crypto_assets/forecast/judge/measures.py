"""How good forecasts of log-returns are, each measure a pure function of arrays in time order.

A figure that does not exist for its rows (the naive forecast never errs, nothing varies) is None, never NaN.
"""

from __future__ import annotations

import msgspec
import numpy as np

from crypto_assets.forecast.judge.significance import (
    FEWEST_ROWS,
    Interval,
    PesaranTimmermann,
    is_constant,
    pesaran_timmermann,
    wilson,
)
from crypto_assets.forecast.table import BoolArray, FloatArray, IntArray

BPS = 1e4
"""Basis points of a log-return of 1."""
COPY_FROM = 0.9
"""Correlation with a past return from which a forecast is called a copy of it."""


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """How far forecasts were from what happened."""

    rmse_bps: float
    mae_bps: float
    mase: float | None
    """Mean absolute error over that of persistence on the training rows; under 1 is better. None without one."""
    skill: float | None
    """1 - MSE / MSE of persistence on the same rows; None where the price never moved."""
    interval: Interval | None = None
    """Of the skill, by block bootstrap."""


class Direction(msgspec.Struct, frozen=True, kw_only=True):
    """How often the direction was right, of rows where the price moved and a direction was foretold."""

    rows: int
    accuracy: float | None
    """Share of hits; None without rows."""
    interval: Interval
    """Wilson's, for as many trials as the rows hold outcomes that do not overlap."""
    test: PesaranTimmermann
    """On every row whose outcome begins when the one before has ended."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether forecasts mean what they say: outcome = intercept + slope x forecast (Mincer and Zarnowitz 1969)."""

    slope: float | None
    """1 where a forecast of 5 bps is followed by 5 bps in the mean; None where all forecasts are the same."""
    intercept_bps: float | None
    inside: float | None = None
    """Share of outcomes inside forecast ± half-width; None where no interval was stated."""
    stated: float | None = None
    """Share that the interval is meant to hold."""


class LagTest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a forecast is a copy of a return that had happened already."""

    with_outcome: float | None
    """Correlation with what was foretold; None where one of both does not vary."""
    strongest: float | None
    """Greatest correlation with a past return of the same length."""
    lag: int | None
    """Rows from the outcome foretold back to that past return: the horizon means the newest that was known."""
    is_copy: bool
    """Whether `strongest` is 0.9 or more, and more than `with_outcome`."""


class Profit(msgspec.Struct, frozen=True, kw_only=True):
    """What trading on the direction would have brought, at prices that a trade does not move; a secondary line."""

    trades: int
    before_fees_bps: float
    """Sum of log-returns."""
    after_fees_bps: float
    per_trade_bps: float | None
    """After fees; None without trades."""


def errors_of(
    forecast: FloatArray, realised: FloatArray, *, scale: FloatArray, interval: Interval | None = None
) -> Errors:
    """Errors of forecasts; shapes (rows,), all log-returns; at least one row.

    `scale` is the mean absolute error of persistence on the training rows of the model that made each forecast
    (Hyndman and Koehler 2006, Int. J. Forecasting 22:679-688).
    """
    error = forecast - realised
    has_scale = bool(np.all(scale > 0))
    return Errors(
        rmse_bps=float(np.sqrt(np.mean(error**2))) * BPS,
        mae_bps=float(np.mean(np.abs(error))) * BPS,
        mase=float(np.mean(np.abs(error) / scale)) if has_scale else None,
        skill=skill(error**2, realised**2),
        interval=interval,
    )


def skill(loss: FloatArray, naive: FloatArray) -> float | None:
    """1 - mean(loss) / mean(naive); None where the naive forecast never errs."""
    total = float(np.sum(naive))
    return 1 - float(np.sum(loss)) / total if total > 0 else None


def direction_of(
    forecast: FloatArray, realised: FloatArray, *, apart: BoolArray, horizon: int, alpha: float
) -> Direction:
    """How often the sign was right; shapes (rows,).

    Rows where the price did not move or no direction was foretold are left out: at one second many returns are zero.
    `apart` marks rows whose outcomes do not overlap (`not_overlapping`).
    """
    counts = (forecast != 0) & (realised != 0)
    up, went_up = forecast[counts] > 0, realised[counts] > 0
    rows = int(counts.sum())
    accuracy = float(np.mean(up == went_up)) if rows else None
    trials = -(-rows // horizon)
    tested = counts & apart
    return Direction(
        rows=rows,
        accuracy=accuracy,
        interval=wilson((accuracy or 0.0) * trials, trials, alpha=alpha),
        test=pesaran_timmermann(forecast[tested] > 0, realised[tested] > 0),
    )


def calibration_of(
    forecast: FloatArray, realised: FloatArray, *, half_width: FloatArray | None = None, stated: float | None = None
) -> Calibration:
    """Slope and intercept of outcomes on forecasts (Mincer and Zarnowitz 1969, in Economic Forecasts and Expectations).

    Shapes (rows,); with `half_width` (log-return) also the share of outcomes inside the interval.
    """
    inside = None if half_width is None else float(np.mean(np.abs(realised - forecast) <= half_width))
    if forecast.size < FEWEST_ROWS or is_constant(forecast):
        return Calibration(slope=None, intercept_bps=None, inside=inside, stated=stated)
    covariance = np.cov(forecast, realised)
    slope = float(covariance[0, 1] / covariance[0, 0])
    intercept = float(np.mean(realised) - slope * np.mean(forecast))
    return Calibration(slope=slope, intercept_bps=intercept * BPS, inside=inside, stated=stated)


def lag_test(forecast: FloatArray, realised: FloatArray, *, past: FloatArray, horizon: int) -> LagTest:
    """Correlation of forecasts with returns that had happened; shapes (rows,) and of `past` (rows, lags).

    Column k of `past` is the log-return over `horizon` rows that ended k rows before the forecast was made.
    """
    with_outcome = _correlation(forecast, realised)
    found = [_correlation(forecast, past[:, lag]) for lag in range(past.shape[1])]
    known = [(value, lag) for lag, value in enumerate(found) if value is not None]
    if not known:
        return LagTest(with_outcome=with_outcome, strongest=None, lag=None, is_copy=False)
    strongest, lag = max(known, key=lambda pair: (pair[0], -pair[1]))
    is_copy = strongest >= COPY_FROM and strongest > (with_outcome or 0.0)
    return LagTest(with_outcome=with_outcome, strongest=strongest, lag=lag + horizon, is_copy=is_copy)


def profit_of(forecast: FloatArray, realised: FloatArray, *, apart: BoolArray, fee_bps: float) -> Profit:
    """Profit of holding the foretold direction until the outcome, then looking again; shapes (rows,).

    A trade a row of `apart`, so that one ends before the next begins; each pays `fee_bps` to enter and to leave.
    """
    sign = np.sign(forecast[apart])
    trades = int(np.count_nonzero(sign))
    before = float(np.sum(sign * realised[apart])) * BPS
    after = before - 2 * fee_bps * trades
    return Profit(
        trades=trades,
        before_fees_bps=before,
        after_fees_bps=after,
        per_trade_bps=after / trades if trades else None,
    )


def not_overlapping(as_of_us: IntArray, *, length_us: int) -> BoolArray:
    """Marks the first row, and then each first one that comes `length_us` or more after the last marked one."""
    if as_of_us.size and np.all(np.diff(as_of_us) >= length_us):
        return np.ones(as_of_us.size, dtype=np.bool_)
    marked = np.zeros(as_of_us.size, dtype=np.bool_)
    row = 0
    while row < as_of_us.size:
        marked[row] = True
        row = int(np.searchsorted(as_of_us, as_of_us[row] + length_us))
    return marked


def regime_bounds(volatility: FloatArray) -> tuple[float, float]:
    """Terciles of the training rows' volatility; of none, (0, 0)."""
    if not volatility.size:
        return 0.0, 0.0
    low, high = np.quantile(volatility, [1 / 3, 2 / 3])
    return float(low), float(high)


def regime_of(volatility: FloatArray, bounds: tuple[float, float]) -> IntArray:
    """0 up to the lower bound, 1 up to the upper one, 2 above it; shape (rows,)."""
    return np.searchsorted(np.asarray(bounds), volatility, side="left").astype(np.int64)


def _correlation(one: FloatArray, other: FloatArray) -> float | None:
    """Pearson's, of rows where both are numbers."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < FEWEST_ROWS or is_constant(one[both]) or is_constant(other[both]):
        return None
    return float(np.corrcoef(one[both], other[both])[0, 1])
